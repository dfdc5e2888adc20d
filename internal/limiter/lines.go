package limiter

import (
	"sync"
	"time"
)

// Bounds of a log: MaxLines are written in a Period, unless Lines says otherwise.
const (
	MaxLines = 20
	Period   = time.Minute
)

// Lines decides which log lines of one kind, or of one cause, are written: at most Most in a Period. The others are
// counted. Its zero value is ready for use. It is safe for concurrent use.
type Lines struct {
	Most int // If zero, MaxLines.

	mu      sync.Mutex // guards the rest
	began   time.Time  // when the period began
	written int        // in the period
	dropped uint64     // since the last line that was written
}

// Allow says whether a line may be written now, and how many were dropped since the last one that was written.
func (l *Lines) Allow(now time.Time) (ok bool, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == 0 || now.Sub(l.began) >= Period {
		l.began, l.written = now, 0
	}
	most := l.Most
	if most == 0 {
		most = MaxLines
	}
	if l.written == most {
		l.dropped++
		return false, 0
	}
	l.written++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}

// Rest returns how many lines were dropped since the last one that was written, and then counts anew: its caller writes
// that number when no other line may come.
func (l *Lines) Rest() (dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dropped, l.dropped = l.dropped, 0
	return dropped
}
