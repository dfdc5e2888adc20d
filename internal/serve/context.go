package serve

import (
	"context"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A callContext is a context.Context that costs nothing until somebody waits for its end: the channel and the
// timer are made when Done or AfterFunc is first called. It is safe for concurrent use.
type callContext struct {
	config   *Config
	deadline time.Time // zero: none
	trace    string    // the caller's W3C traceparent; "": none

	mu    sync.Mutex // guards the rest; taken with a peer's mu held, never the other way round
	err   error
	done  chan struct{}
	after map[*func()]bool // called once the context ends
	stop  func() bool      // of the deadline's timer
}

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// TraceKey is the key under which a context has a *string that is a W3C traceparent.
type TraceKey struct{}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	if _, ok := key.(TraceKey); ok && c.trace != "" {
		return &c.trace
	}
	return nil
}

// Err implements context.Context.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checkDeadline()
	return c.err
}

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
		c.startTimer()
	}
	return c.done
}

// AfterFunc lets package context derive contexts from this one without a goroutine for each.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]bool)
	}
	c.after[&f] = true
	c.startTimer()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		waiting := c.after[&f]
		delete(c.after, &f)
		return waiting
	}
}

// sameMoment is how far apart one deadline may pass at two ends: within it the caller's $/cancel and this end's timer have the
// same cause.
const sameMoment = 10 * time.Millisecond

// cancel ends the context because its caller has given up. If the deadline is due at the same moment, the context ends by the
// deadline, so that chance does not decide which of the two is counted and logged.
func (c *callContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.deadline.IsZero() && c.deadline.Sub(c.clock().Now()) <= sameMoment {
		c.end(context.DeadlineExceeded)
		return
	}
	c.end(context.Canceled)
}

// finish ends the context when its handler has returned, as a server's context does. It returns the error that had ended
// the context before, or nil.
func (c *callContext) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checkDeadline()
	before := c.err
	c.end(context.Canceled)
	return before
}

// The rest is called with mu held.

// checkDeadline ends the context if its time is over, whatever its timer says.
func (c *callContext) checkDeadline() {
	if c.err == nil && !c.deadline.IsZero() && !c.clock().Now().Before(c.deadline) {
		c.end(context.DeadlineExceeded)
	}
}

// startTimer starts the deadline's timer, once.
func (c *callContext) startTimer() {
	if c.err != nil || c.deadline.IsZero() || c.stop != nil {
		return
	}
	c.stop = c.clock().AfterFunc(c.deadline.Sub(c.clock().Now()), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.end(context.DeadlineExceeded)
	})
}

func (c *callContext) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.stop != nil {
		c.stop()
	}
	for f := range c.after {
		go (*f)()
	}
	c.after = nil
}

func (c *callContext) clock() clock.Clock { return c.config.Clock }
