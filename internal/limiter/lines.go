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

// A timekeeper is what Lines needs of a clock.Clock.
type timekeeper interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Lines decides which log lines of one kind, or of one cause, are written: at most Most in a Period. What the others
// would have told is counted, and told by the next line, or when the Period is over. Its zero value is ready for use. It
// is safe for concurrent use.
type Lines struct {
	Most int // If zero, MaxLines.

	mu      sync.Mutex           // guards the rest
	began   time.Time            // when the period began
	written int                  // in the period
	dropped uint64               // since the last line that was written
	stop    func() bool          // the timer, if dropped is not 0
	tell    func(dropped uint64) // likewise
}

// Allow says whether a line about n events may be written now, and about how many none was written since the last one.
// If no line comes that can say so, rest is called soon after the Period, or by Flush; it writes the number.
func (l *Lines) Allow(c timekeeper, n uint64, rest func(dropped uint64)) (ok bool, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := c.Now()
	if l.written == 0 || now.Sub(l.began) >= Period {
		l.began, l.written = now, 0
	}
	if l.written < cmp.Or(l.Most, MaxLines) {
		l.written++
		return true, l.take()
	}
	if l.dropped == 0 {
		l.tell, l.stop = rest, c.AfterFunc(l.began.Add(Period+time.Second).Sub(now), l.Flush) // a line of the next period comes first
	}
	l.dropped += n
	return false, 0
}

// Flush logs the pending count now. Call it when no line will follow.
func (l *Lines) Flush() {
	l.mu.Lock()
	dropped, tell := l.take(), l.tell
	l.mu.Unlock()
	if dropped > 0 {
		tell(dropped)
	}
}

// take returns how many were dropped, and counts anew.
func (l *Lines) take() (dropped uint64) {
	if l.dropped > 0 {
		l.stop()
	}
	dropped, l.dropped = l.dropped, 0
	return dropped
}
