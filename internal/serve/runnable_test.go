package serve

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestEveryHandlerBeginsAlthoughThoseBeforeItBlock(t *testing.T) {
	const calls = 256
	bubble(t, nil, func(t *testing.T, g *rig) {
		var began atomic.Int64
		open := make(blocker)
		g.handle("wait", func(ctx context.Context, r *Request) (any, error) {
			began.Add(1)
			return open.handle(ctx, r)
		})
		g.handle("echo", echo)
		c, other := g.open(1), g.open(2)
		for range calls {
			c.call("wait", nil)
		}
		if a := c.answered(); len(a) != 0 {
			t.Fatalf("answered: %+v", a)
		}
		if n := began.Load(); n != calls {
			t.Errorf("%d of %d handlers have begun", n, calls)
		}
		if n := c.Pending(); n != calls {
			t.Errorf("Pending() = %d, want %d", n, calls)
		}
		other.wantCode(other.call("echo", nil), "")
		close(open)
		if n := c.counts(); n[""] != calls {
			t.Errorf("answers: %v, want %d", n, calls)
		}
		if c.Pending() != 0 || c.checks != calls {
			t.Errorf("Pending() = %d, CheckDrained called %d times, want 0 and %d", c.Pending(), c.checks, calls)
		}
	})
}

func TestHandlersThatReturnAtOnceAndHandlersThatBlockMix(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle)
		g.handle("echo", echo)
		c := g.open(1)
		for range 100 {
			c.call("wait", nil)
			c.call("echo", nil)
		}
		if n := c.counts(); n[""] != 100 {
			t.Errorf("answers: %v, want 100", n)
		}
		close(open)
		if n := c.counts(); n[""] != 100 {
			t.Errorf("answers: %v, want 100", n)
		}
	})
}

func TestHandlersThatEndTheirGoroutineDelayNobody(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("exit", func(context.Context, *Request) (any, error) {
			runtime.Goexit()
			return nil, nil
		})
		g.handle("echo", echo)
		c := g.open(1)
		for range 100 {
			c.call("exit", nil)
			c.call("echo", nil)
		}
		if n := c.counts(); n[envelope.CodeInternal] != 100 || n[""] != 100 {
			t.Errorf("answers: %v, want 100 internal and 100 results", n)
		}
	})
}
