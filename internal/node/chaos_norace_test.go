//go:build !race

package node

// defaultHistories is how many histories TestChaos runs.
const defaultHistories = 300

// floodedHistories is how many TestForgedAnnouncesKeepNobodyApart runs of each kind.
const floodedHistories = 4

// largestCrowd bounds the peers of one test.
const largestCrowd = 1000
