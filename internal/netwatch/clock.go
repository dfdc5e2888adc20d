package netwatch

import "time"

// elapsed returns the time from one moment to another on the wall clock, and on the monotonic clock if both have a
// reading of that.
func elapsed(from, to time.Time) (wall, mono time.Duration) {
	return to.Round(0).Sub(from.Round(0)), to.Sub(from)
}

// slept returns how long the machine was asleep between two looks, or the process did not run; 0 if it was awake. wall
// and mono are the time between the looks on either clock. They may be below 0: a wall clock can be set back, and
// without a monotonic reading both are the same. due is when the second look should have come after the first.
func slept(wall, mono, due time.Duration) time.Duration {
	if d := max(wall-mono, mono-due); d > MinSleep {
		return d
	}
	return 0
}
