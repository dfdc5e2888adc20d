// Package sparing bounds the lines of a log that others can cause.
package sparing

import (
	"sync"
	"time"
)

// So many lines are logged in a period; the rest is counted.
const (
	Lines  = 20
	Period = time.Minute
)

// A Log decides which lines are logged of one kind, or of one cause. Its zero value is ready for use. It is safe for
// concurrent use.
type Log struct {
	mu      sync.Mutex // guards the rest
	began   time.Time  // of the period
	lines   int        // in it
	dropped uint64     // since one was logged last
}

// Allow says whether a line may be logged now, and how many were not since the last one that was.
func (l *Log) Allow(now time.Time) (ok bool, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines == 0 || now.Sub(l.began) >= Period {
		l.began, l.lines = now, 0
	}
	if l.lines == Lines {
		l.dropped++
		return false, 0
	}
	l.lines++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}
