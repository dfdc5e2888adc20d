//go:build !race

package node

// defaultHistories is how many histories TestChaos runs.
const defaultHistories = 300
