package peernet

import (
	"context"
	"os"
	"sync"
	"time"
)

// A deadline is the end of the reads or the writes of a net.Conn, which can be moved. It is by the system's clock, as its users set
// it with time.Now.
type deadline struct {
	mu      sync.Mutex // guards the rest
	ended   chan struct{}
	isEnd   bool // ended is closed
	timer   *time.Timer
	version int // of the end: a timer of an earlier version does nothing
}

func (d *deadline) init() { d.ended = make(chan struct{}) }

// set moves the end to t; zero: there is none. What waits for it already waits for the new one.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	left := time.Until(t)
	if !t.IsZero() && left <= 0 {
		d.end()
		return
	}
	if d.isEnd {
		d.ended, d.isEnd = make(chan struct{}), false
	}
	if t.IsZero() {
		return
	}
	version := d.version
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.version == version {
			d.end()
		}
	})
}

// end is called with mu held.
func (d *deadline) end() {
	if !d.isEnd {
		d.isEnd = true
		close(d.ended)
	}
}

// context returns a context.Context for one wait.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return deadlineContext{d.ended}
}

// A deadlineContext ends with its deadline, with os.ErrDeadlineExceeded. It stays ended when the deadline is moved after that: a
// wait that has been woken by the end always finds the reason.
type deadlineContext struct{ ended <-chan struct{} }

// Deadline implements context.Context: it is not told, as it can move.
func (c deadlineContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (c deadlineContext) Done() <-chan struct{} { return c.ended }

// Err implements context.Context.
func (c deadlineContext) Err() error {
	select {
	case <-c.ended:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// Value implements context.Context.
func (c deadlineContext) Value(any) any { return nil }
