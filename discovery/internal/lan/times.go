package lan

import "time"

// Earliest returns the earliest of some times. The zero time never comes.
func Earliest(times ...time.Time) (earliest time.Time) {
	for _, t := range times {
		if !t.IsZero() && (earliest.IsZero() || t.Before(earliest)) {
			earliest = t
		}
	}
	return earliest
}
