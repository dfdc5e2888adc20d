//go:build !race

package peernet_test

// raceEnabled says whether the race detector is compiled in.
const raceEnabled = false

// defaultSeeds is how many histories TestCallsRaceWhatEndsThem runs.
const defaultSeeds = 300
