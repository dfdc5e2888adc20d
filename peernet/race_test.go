//go:build race

package peernet_test

// raceEnabled says whether the race detector is compiled in.
const raceEnabled = true

// defaultSeeds is how many histories TestCallsRaceWhatEndsThem runs: a handshake costs ten times as much under the race detector.
const defaultSeeds = 100
