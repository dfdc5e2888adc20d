package serve

import (
	"context"
	"sync"
	"time"
)

// A callContext is a context.Context that costs nothing until something waits for its end: the channel and the
// timer are made when Done or AfterFunc is first called. It is safe for concurrent use.
type callContext struct {
	config   *Config
	deadline time.Time // zero: none
	trace    string    // the caller's W3C traceparent; "": none

	mu      sync.Mutex // guards the rest; taken with a peer's mu held, never the other way round
	err     error
	waited  context.Context // ends with this one; nil until something waits
	endWait func()          // ends waited, and the deadline's timer
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
func (c *callContext) Done() <-chan struct{} { return c.waiting().Done() }

// AfterFunc lets package context derive contexts from this one without a goroutine for each.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	return context.AfterFunc(c.waiting(), f)
}

// waiting returns the context that ends with this one. It is made at the first wait, with the deadline's timer.
func (c *callContext) waiting() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited != nil {
		return c.waited
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.waited, c.endWait = ctx, cancel
	if c.err != nil {
		cancel()
	} else if !c.deadline.IsZero() {
		stopTimer := c.config.Clock.AfterFunc(c.deadline.Sub(c.config.Clock.Now()), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.end(context.DeadlineExceeded)
		})
		c.endWait = func() {
			cancel()
			stopTimer()
		}
	}
	return ctx
}

// sameMoment is how far apart one deadline may pass at two ends: within it the caller's $/cancel and this end's timer have the
// same cause.
const sameMoment = 10 * time.Millisecond

// cancel ends the context because its caller has given up. If the deadline is due at the same moment, the context ends by the
// deadline, so that chance does not decide which of the two is counted and logged.
func (c *callContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.deadline.IsZero() && c.deadline.Sub(c.config.Clock.Now()) <= sameMoment {
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
	if c.err == nil && !c.deadline.IsZero() && !c.config.Clock.Now().Before(c.deadline) {
		c.end(context.DeadlineExceeded)
	}
}

func (c *callContext) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.endWait != nil {
		c.endWait()
	}
}
