package netwatch

import "time"

// A reading is one moment on both clocks.
type reading struct {
	mono time.Time // compared by its monotonic reading if it has one
	wall time.Time // the same moment without
}

func readingOf(t time.Time) reading { return reading{t, t.Round(0)} }

// since returns the time that has passed since an earlier reading on both clocks. Either may say less than 0: a wall
// clock can be set back, and without a monotonic reading both are one.
func (r reading) since(earlier reading) (wall, mono time.Duration) {
	return r.wall.Sub(earlier.wall), r.mono.Sub(earlier.mono)
}

// slept returns how long the machine was asleep between two looks, or the process did not run; 0: it was awake.
// due is when the second look should have come after the first.
func slept(wall, mono, due time.Duration) time.Duration {
	if d := max(wall-mono, mono-due); d > Jump {
		return d
	}
	return 0
}
