//go:build race

package node

// defaultHistories is how many histories TestChaos runs: a handshake costs ten times as much under the race detector.
const defaultHistories = 100

// defaultSeeds is how many histories TestBothDialAtOnce runs.
const defaultSeeds = 100

// floodedHistories is how many TestForgedAnnouncesKeepNobodyApart runs of each kind.
const floodedHistories = 1

// largestCrowd bounds the crowds of the tests that have a smaller one too: each peer costs a handshake, or many dials.
const largestCrowd = 200
