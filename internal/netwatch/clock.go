package netwatch

import "time"

// A reading is one moment on both clocks.
type reading struct {
	mono time.Time // compared by its monotonic reading if it has one
	wall time.Time // the same moment without its monotonic reading
}

func readingOf(t time.Time) reading { return reading{t, t.Round(0)} }

// slept returns how long the machine was asleep between two looks, or the process did not run; 0 if it was awake. wall
// and mono are the time between the looks on either clock. They may be below 0: a wall clock can be set back, and
// without a monotonic reading both are the same. due is when the second look should have come after the first.
func slept(wall, mono, due time.Duration) time.Duration {
	if d := max(wall-mono, mono-due); d > MinSleep {
		return d
	}
	return 0
}
