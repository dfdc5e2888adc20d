package lan

import (
	"slices"
	"time"
)

// Earliest returns the earliest of some times. The zero time never comes.
func Earliest(times ...time.Time) (earliest time.Time) {
	for _, t := range times {
		if !t.IsZero() && (earliest.IsZero() || t.Before(earliest)) {
			earliest = t
		}
	}
	return earliest
}

// Latest returns the latest of some times, at least one. Any time is after the zero time.
func Latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
