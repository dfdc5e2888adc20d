package serve

import (
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func limits(calls, bytes int) func(*Config) {
	return func(c *Config) { c.Calls, c.CallBytes = calls, bytes }
}

func TestCallsAreLimitedPerPeerNotPerSession(t *testing.T) {
	bubble(t, limits(3, 1000), func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle)
		a, b, other := g.open(1), g.open(1), g.open(2)
		a.call("wait", nil)
		b.call("wait", nil)
		a.call("wait", nil) // the limit, exactly
		if n := len(a.answered()) + len(b.answered()); n != 0 {
			t.Fatalf("%d answers below the limit", n)
		}
		for _, c := range []*caller{a, b} {
			if got := c.wantCode(c.call("wait", nil), envelope.CodeOverloaded); !got.refused {
				t.Error("the refusal waits for room")
			}
		}
		for range 3 { // another peer has limits of its own
			other.call("wait", nil)
		}
		other.wantCode(other.call("wait", nil), envelope.CodeOverloaded)

		open <- struct{}{} // one of them ends
		if n := len(a.answered()) + len(b.answered()) + len(other.answered()); n != 1 {
			t.Fatalf("%d answers, want 1", n)
		}
		close(open)
		a.answered()
		for range 3 { // all the room is back
			b.call("wait", nil)
		}
		if n := b.counts(); n[envelope.CodeOverloaded] != 0 {
			t.Errorf("answers: %v", n)
		}
	})
}

func TestArgumentsAreLimitedPerPeerNotPerSession(t *testing.T) {
	bubble(t, limits(100, 1000), func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle)
		a, b := g.open(1), g.open(1)
		a.call("wait", make([]byte, 400))
		b.call("wait", make([]byte, 600)) // the limit, exactly
		a.call("wait", nil)               // no argument, no room needed
		if n := len(a.answered()) + len(b.answered()); n != 0 {
			t.Fatalf("%d answers below the limit", n)
		}
		a.wantCode(a.call("wait", make([]byte, 1)), envelope.CodeOverloaded)
		b.wantCode(b.call("wait", make([]byte, 1)), envelope.CodeOverloaded)
		close(open)
		a.answered()
		b.answered()
		a.wantCode(a.call("wait", make([]byte, 1001)), envelope.CodeOverloaded)
		b.wantCode(b.call("wait", make([]byte, 1000)), "")
	})
}

func TestRoomComesBackHoweverACallEnds(t *testing.T) {
	bubble(t, limits(1, 10), func(t *testing.T, g *rig) {
		g.handle("echo", echo)
		g.handle("panic", explode)
		g.handle("wait", waitForEnd)
		if err := g.Add(&Registration{Name: "secret", Handler: echo, Allow: allow(false)}); err != nil {
			t.Fatal(err)
		}
		c := g.open(1)
		args := make([]byte, 10)
		for range 3 {
			c.wantCode(c.call("echo", args), "")
			c.wantCode(c.call("panic", args), envelope.CodeInternal)
			c.wantCode(c.call("secret", args), envelope.CodeNoHandler)
			c.wantCode(c.call("nobody", args), envelope.CodeNoHandler)
			c.wantCode(c.call("echo", append(args, 0)), envelope.CodeOverloaded)
			c.wantCode(c.call("echo", args, envelope.Options{HasTimeout: true}), envelope.CodeDeadline)
			id := c.call("wait", args)
			if err := c.callAs(id, "wait", args); err == nil {
				t.Fatal("a duplicate id was accepted")
			}
			synctest.Wait()
			c.Cancel(id)
			c.wantCode(id, envelope.CodeCancelled)
		}
		if p := c.peer; p.running != (load{}) || p.replying != (load{}) {
			t.Errorf("left over: %+v running, %+v replying", p.running, p.replying)
		}
	})
}

func TestLimitsOutliveTheSession(t *testing.T) {
	bubble(t, limits(2, 1000), func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle) // ignores its context
		for range 2 {
			c := g.open(1)
			c.call("wait", nil)
			synctest.Wait()
			c.Close(envelope.ReasonShutdown)
		}
		c := g.open(1)
		c.wantCode(c.call("wait", nil), envelope.CodeOverloaded)
		close(open)
		synctest.Wait()
		c.wantCode(c.call("wait", nil), "")
	})
}

func TestLimitsOutliveTheSessionWhileAReplyWaits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("echo", echo)
		c := g.open(1)
		c.full = make(chan struct{})
		c.call("echo", nil)
		synctest.Wait()
		c.Close(envelope.ReasonShutdown)
		if n := g.open(1).peer.replying.n; n != 1 {
			t.Errorf("%d replies wait, want 1", n)
		}
		close(c.full)
		synctest.Wait()
		if n := c.peer.replying.n; n != 0 {
			t.Errorf("%d replies wait, want none", n)
		}
	})
}

func TestReplyThatWaitsForRoomLetsAnotherCallRunButNotEndlesslyMany(t *testing.T) {
	bubble(t, limits(20, 1<<20), func(t *testing.T, g *rig) {
		g.handle("echo", echo)
		g.handle("wait", waitForEnd)
		c := g.open(1)
		c.full = make(chan struct{})
		for range 20 { // as many as may run have returned, and their replies wait
			c.call("echo", nil)
			synctest.Wait()
		}
		if c.Pending() != 20 {
			t.Errorf("Pending() = %d, want 20", c.Pending())
		}
		c.wantCode(c.call("echo", nil), envelope.CodeOverloaded)
		close(c.full)
		if n := c.counts(); n[""] != 20 {
			t.Errorf("answers: %v, want 20", n)
		}
		c.wantCode(c.call("echo", nil), "")
	})
}

func TestCallerThatKeepsToTheLimitIsNeverRefused(t *testing.T) {
	const limit = 4
	bubble(t, limits(limit, 1000), func(t *testing.T, g *rig) {
		g.handle("echo", echo)
		c := &eager{caller: g.open(1), answer: make(chan bool, limit)}
		c.conn = c
		for range limit {
			c.answer <- true
		}
		for range 10_000 {
			if !<-c.answer { // the next call is made as soon as a reply is queued
				t.Fatal("refused with at most as many calls in flight as the limit")
			}
			c.call("echo", nil)
		}
	})
}

// An eager is a caller that hears of its answers at once.
type eager struct {
	*caller
	answer chan bool
}

func (c *eager) Reply(envelope.CallID, any, *envelope.RemoteError) { c.answer <- true }

func (c *eager) Refuse(envelope.CallID, *envelope.RemoteError) bool {
	c.answer <- false
	return true
}
