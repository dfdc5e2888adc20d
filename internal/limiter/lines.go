package limiter

import (
	"cmp"
	"sync"
	"time"
)

// Bounds of a log: MaxLines are written in a Period, unless Lines says otherwise.
const (
	MaxLines = 20
	Period   = time.Minute
)

// Lines decides which log lines of one kind, or of one cause, are written: at most Most in any Period. The others are
// counted. Its zero value is ready for use. It is safe for concurrent use.
type Lines struct {
	Most int // If zero, MaxLines.

	mu      sync.Mutex // guards the rest
	written Window
	dropped uint64 // since the last line that was written
}

// Allow says whether a line may be written now, and how many were dropped since the last one that was written.
func (l *Lines) Allow(now time.Time) (ok bool, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.written.Take(now, cmp.Or(l.Most, MaxLines), Period) {
		l.dropped++
		return false, 0
	}
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
