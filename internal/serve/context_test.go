package serve

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// newContext returns a context that ends after the timeout, or never if that is negative.
func newContext(timeout time.Duration) *callContext {
	c := &callContext{config: &Config{Clock: clock.System}}
	if timeout >= 0 {
		c.deadline = time.Now().Add(timeout)
	}
	return c
}

// isDone says whether a context's channel is closed.
func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func TestContextEndsForTheFirstReason(t *testing.T) {
	const timeout = time.Minute
	for name, test := range map[string]struct {
		timeout time.Duration
		act     func(c *callContext)
		want    error
	}{
		"nothing":               {-1, func(c *callContext) {}, nil},
		"not yet":               {timeout, func(c *callContext) { time.Sleep(timeout - time.Nanosecond) }, nil},
		"deadline":              {timeout, func(c *callContext) { time.Sleep(timeout) }, context.DeadlineExceeded},
		"past already":          {0, func(c *callContext) {}, context.DeadlineExceeded},
		"cancelled":             {timeout, func(c *callContext) { c.cancel() }, context.Canceled},
		"cancelled, then late":  {timeout, func(c *callContext) { c.cancel(); time.Sleep(timeout) }, context.Canceled},
		"cancelled at the end":  {timeout, func(c *callContext) { time.Sleep(timeout - sameMoment); c.cancel() }, context.DeadlineExceeded},
		"and before that":       {timeout, func(c *callContext) { time.Sleep(timeout - sameMoment - 1); c.cancel() }, context.Canceled},
		"late, then cancelled":  {timeout, func(c *callContext) { c.Done(); time.Sleep(timeout); synctest.Wait(); c.cancel() }, context.DeadlineExceeded},
		"finished":              {timeout, func(c *callContext) { c.finish() }, context.Canceled},
		"finished twice":        {-1, func(c *callContext) { c.finish(); c.finish() }, context.Canceled},
		"late, seen by finish":  {timeout, func(c *callContext) { time.Sleep(timeout); c.finish() }, context.DeadlineExceeded},
		"cancelled, then again": {-1, func(c *callContext) { c.cancel(); c.cancel() }, context.Canceled},
	} {
		for _, early := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newContext(test.timeout)
					defer c.cancel()
					if early { // somebody waits before it ends
						c.Done()
					}
					test.act(c)
					synctest.Wait()
					if err := c.Err(); err != test.want {
						t.Errorf("Err() = %v, want %v", err, test.want)
					}
					if isDone(c) != (test.want != nil) {
						t.Errorf("done: %v, with Err() %v", isDone(c), test.want)
					}
					if deadline, ok := c.Deadline(); ok != (test.timeout >= 0) || deadline != c.deadline {
						t.Errorf("Deadline() = %v, %v", deadline, ok)
					}
				})
			})
		}
	}
}

func TestFinishTellsWhatEndedTheContextBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			act  func(c *callContext)
			want error
		}{
			"nothing":   {func(c *callContext) {}, nil},
			"cancelled": {func(c *callContext) { c.cancel() }, context.Canceled},
			"late":      {func(c *callContext) { time.Sleep(time.Minute) }, context.DeadlineExceeded},
			"finished":  {func(c *callContext) { c.finish() }, context.Canceled},
		} {
			c := newContext(time.Minute)
			test.act(c)
			if err := c.finish(); err != test.want {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		}
	})
}

func TestContextHasATimerOnlyWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &kit.CountingClock{Clock: clock.System}
		c := &callContext{config: &Config{Clock: fake}, deadline: time.Now().Add(time.Minute)}
		_ = c.Err()
		_, _ = c.Deadline()
		if n := fake.Waiting(); n != 0 {
			t.Errorf("%d timers although nobody waits", n)
		}
		c.Done()
		c.Done()
		context.AfterFunc(c, func() {})
		if n := fake.Waiting(); n != 1 {
			t.Errorf("%d timers, want 1", n)
		}
		c.finish()
		if n := fake.Waiting(); n != 0 {
			t.Errorf("%d timers after the end", n)
		}
		over := &callContext{config: c.config, deadline: c.deadline}
		over.cancel()
		over.Done()
		over.AfterFunc(func() {})
		if n := fake.Waiting(); n != 0 {
			t.Errorf("%d timers for a context that has ended", n)
		}
	})
}

func TestDerivedContextsStartNoGoroutineAndEndWithTheirParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContext(time.Hour)
		before := runtime.NumGoroutine()
		var derived []context.Context
		for range 100 {
			cancelled, cancel := context.WithCancel(c)
			defer cancel()
			late, cancel := context.WithTimeout(c, 2*time.Hour)
			defer cancel()
			early, cancel := context.WithTimeout(cancelled, time.Minute)
			defer cancel()
			derived = append(derived, cancelled, late, early)
		}
		if n := runtime.NumGoroutine(); n > before { // those of other tests may still be ending
			t.Errorf("%d derived contexts started %d goroutines", len(derived), n-before)
		}
		if deadline, _ := derived[1].Deadline(); deadline != c.deadline {
			t.Errorf("derived deadline %v, want the parent's %v", deadline, c.deadline)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, ctx := range derived {
			if early := i%3 == 2; (ctx.Err() != nil) != early {
				t.Fatalf("derived context %d after a minute: %v", i, ctx.Err())
			}
		}
		c.cancel()
		synctest.Wait()
		for i, ctx := range derived {
			want := context.Canceled
			if i%3 == 2 {
				want = context.DeadlineExceeded
			}
			if !errors.Is(ctx.Err(), want) {
				t.Fatalf("derived context %d after the parent's end: %v, want %v", i, ctx.Err(), want)
			}
		}
		after, cancel := context.WithCancel(c)
		defer cancel()
		if after.Err() != context.Canceled {
			t.Errorf("derived from a context that has ended: %v", after.Err())
		}
	})
}

func TestDerivedContextEndsAtTheParentsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContext(time.Minute)
		ctx, cancel := context.WithTimeout(c, time.Hour)
		defer cancel()
		began := time.Now()
		<-ctx.Done()
		if took := time.Since(began); took != time.Minute || ctx.Err() != context.DeadlineExceeded {
			t.Errorf("ended after %v with %v", took, ctx.Err())
		}
	})
}

func TestAfterFuncRunsOnceUnlessStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContext(-1)
		var ran, stopped atomic.Int64
		context.AfterFunc(c, func() { ran.Add(1) })
		stop := context.AfterFunc(c, func() { stopped.Add(1) })
		if !stop() || stop() {
			t.Error("stop must say true once, and false from then on")
		}
		c.cancel()
		c.finish()
		synctest.Wait()
		late := c.AfterFunc(func() { ran.Add(1) })
		if late() {
			t.Error("what runs already was said to be stopped")
		}
		synctest.Wait()
		if ran.Load() != 2 || stopped.Load() != 0 {
			t.Errorf("ran %d times, want 2; %d that were stopped", ran.Load(), stopped.Load())
		}
	})
}
