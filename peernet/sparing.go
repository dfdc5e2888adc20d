package peernet

import "time"

// A sparing log is one that strangers can write to: it takes so many lines in a period, and counts the rest.
const (
	sparingLines  = 20
	sparingPeriod = time.Minute
)

// A sparing decides which lines are logged. Its zero value is ready for use. It is not safe for concurrent use.
type sparing struct {
	began   time.Time // of the period
	lines   int       // in it
	dropped uint64    // since one was logged last
}

// allow says whether a line may be logged now, and how many were not since the last one that was.
func (s *sparing) allow(now time.Time) (ok bool, dropped uint64) {
	if s.lines == 0 || now.Sub(s.began) >= sparingPeriod {
		s.began, s.lines = now, 0
	}
	if s.lines == sparingLines {
		s.dropped++
		return false, 0
	}
	s.lines++
	dropped, s.dropped = s.dropped, 0
	return true, dropped
}
