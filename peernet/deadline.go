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
	mu    sync.Mutex // guards the rest
	over  chan struct{}
	isEnd bool // over is closed
	timer *time.Timer
	turn  int // of set: a timer of an earlier one does nothing
}

func (d *deadline) init() { d.over = make(chan struct{}) }

// set moves the end to t; zero: there is none. What waits for it already waits for the new one.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn++
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
		d.over, d.isEnd = make(chan struct{}), false
	}
	if t.IsZero() {
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.turn == turn {
			d.end()
		}
	})
}

// end is called with mu held.
func (d *deadline) end() {
	if !d.isEnd {
		d.isEnd = true
		close(d.over)
	}
}

// context returns a context.Context for one wait.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return deadlineContext{d.over}
}

// A deadlineContext ends with its deadline, with os.ErrDeadlineExceeded. It stays ended when the deadline is moved after that: a
// wait that has been woken by the end always finds the reason.
type deadlineContext struct{ over <-chan struct{} }

// Deadline implements context.Context: it is not told, as it can move.
func (c deadlineContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (c deadlineContext) Done() <-chan struct{} { return c.over }

// Err implements context.Context.
func (c deadlineContext) Err() error {
	select {
	case <-c.over:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// Value implements context.Context.
func (c deadlineContext) Value(any) any { return nil }
