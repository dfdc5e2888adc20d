//go:build !race

package node

// defaultHistories is how many histories TestChaos runs.
const defaultHistories = 300

// defaultSeeds is how many histories TestBothDialAtOnce runs.
const defaultSeeds = 300

// floodedHistories is how many TestForgedAnnouncesKeepNobodyApart runs of each kind.
const floodedHistories = 4

// largestCrowd bounds the crowds of the tests that have a smaller one too.
const largestCrowd = 1000
