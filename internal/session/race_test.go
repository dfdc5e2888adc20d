//go:build race

package session

// raceEnabled says whether the race detector is compiled in.
const raceEnabled = true
