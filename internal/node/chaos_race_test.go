//go:build race

package node

// defaultHistories is how many histories TestChaos runs: a handshake costs ten times as much under the race detector.
const defaultHistories = 300

// floodedHistories is how many TestForgedAnnouncesKeepNobodyApart runs of each kind.
const floodedHistories = 1

// largestCrowd bounds the peers of one test: each costs a handshake, or many dials.
const largestCrowd = 600
