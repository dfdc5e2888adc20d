package serve

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

func TestIDInFlightIsAViolationWhateverIsCalled(t *testing.T) {
	bubble(t, limits(2, 1000), func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle)
		c, other := g.open(1), g.open(1)
		id := c.call("wait", nil)
		for name, try := range map[string]func() error{
			"same name":   func() error { return c.callAs(id, "wait", nil) },
			"no handler":  func() error { return c.callAs(id, "nobody", nil) },
			"too late":    func() error { return c.callAs(id, "wait", nil, envelope.Options{HasTimeout: true}) },
			"no room":     func() error { return c.callAs(id, "wait", make([]byte, 2000)) },
			"other name":  func() error { return c.callAs(id, "other", []byte("x")) },
			"after a try": func() error { return c.callAs(id, "wait", nil) },
		} {
			if err := try(); !errors.Is(err, ErrDuplicateID) {
				t.Errorf("%s: %v, want ErrDuplicateID", name, err)
			}
		}
		if err := other.callAs(id, "wait", nil); err != nil {
			t.Errorf("another session's id: %v", err)
		}
		close(open)
		c.wantCode(id, "")
		other.wantCode(id, "")
	})
}

func TestIDIsFreeAsSoonAsItsReplyIsQueued(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("echo", echo)
		c := &again{caller: g.open(1)}
		c.conn = c
		if err := c.callAs(7, "echo", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c.err != nil || c.replies != 2 {
			t.Errorf("the id of a call that is answered: %v after %d replies", c.err, c.replies)
		}
		if err := c.callAs(7, "nobody", nil); err != nil {
			t.Error(err)
		}
	})
}

// TestHiddenNameIsLikeAnUnknownOne in all that a caller can see but the time that Allow takes: which ids are in flight, what
// counts towards the limits, who answers, and in which order.
func TestHiddenNameIsLikeAnUnknownOne(t *testing.T) {
	names := []string{"hidden", "nobody", "$/hello", ""}
	for _, first := range names {
		for _, second := range names {
			bubble(t, limits(2, 1000), func(t *testing.T, g *rig) {
				if err := g.Add(&Registration{Name: "hidden", Handler: echo, Allow: deny}); err != nil {
					t.Fatal(err)
				}
				c := g.open(1)
				g.runnable.mu.Lock()
				g.runnable.waking = true // nothing begins for now
				g.runnable.mu.Unlock()
				c.call(first, []byte("1"))
				if err := c.callAs(c.lastID, second, nil); !errors.Is(err, ErrDuplicateID) {
					t.Errorf("%q, and the same id for %q: %v", first, second, err)
				}
				c.call(second, []byte("12"))
				c.wantCode(c.call(first, nil), envelope.CodeOverloaded) // the limit is 2
				if load := g.Loads()[c.key]; load != (Load{2, 3}) {
					t.Errorf("%q and %q count as %+v", first, second, load)
				}
				g.runnable.mu.Lock()
				g.runnable.waking = false
				g.runnable.wake()
				all := c.answered()
				for _, a := range all {
					if want := []string{first, second}[a.id-1]; a.refused || !reflect.DeepEqual(a.refusal, noHandler(want)) {
						t.Errorf("the answer to %q is %+v", want, a)
					}
				}
				if len(all) != 2 {
					t.Errorf("%d answers", len(all))
				}
			})
		}
	}
}

// An again is a caller that uses an id again while its reply is still being handed over.
type again struct {
	*caller
	replies int
	err     error
}

func (c *again) Reply(id envelope.CallID, _ any, _ *envelope.RemoteError) {
	if c.replies++; c.replies == 1 {
		c.err = c.callAs(id, "echo", nil)
	}
}

func TestCallerThatDoesNotHearItsRefusalsIsAFlood(t *testing.T) {
	bubble(t, limits(1, 1000), func(t *testing.T, g *rig) {
		open := make(blocker)
		g.handle("wait", open.handle)
		c := g.open(1)
		c.deaf = true
		id := c.call("wait", nil)
		for name, err := range map[string]error{
			"no handler": c.callAs(id+1, "nobody", nil),
			"too late":   c.callAs(id+2, "wait", nil, envelope.Options{HasTimeout: true}),
			"no room":    c.callAs(id+3, "wait", nil),
		} {
			if !errors.Is(err, ErrFlood) {
				t.Errorf("%s: %v, want ErrFlood", name, err)
			}
		}
		close(open)
		c.wantCode(id, "")
	})
}

func TestCloseCancelsOnceAndLeavesTheOtherSessionAlone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("wait", waitForEnd)
		a, b := g.open(1), g.open(1)
		for range 3 {
			a.call("wait", nil)
			b.call("wait", nil)
		}
		synctest.Wait()
		a.Close(envelope.ReasonShutdown)
		a.Close(envelope.ReasonRevoked)
		a.Close(envelope.ReasonShutdown)
		if n := a.counts(); n[envelope.CodeCancelled] != 3 {
			t.Errorf("answers of the session that has closed: %v", n)
		}
		if n := b.counts(); len(n) != 0 {
			t.Errorf("answers of the other session: %v", n)
		}
		if a.Pending() != 0 || b.Pending() != 3 {
			t.Errorf("Pending() = %d and %d, want 0 and 3", a.Pending(), b.Pending())
		}
		if n := len(g.peers); n != 1 {
			t.Errorf("%d peers while a session is open", n)
		}
		b.Close(envelope.ReasonShutdown)
		if n := b.counts(); n[envelope.CodeCancelled] != 3 {
			t.Errorf("answers of the other session: %v", n)
		}
		if n := len(g.peers); n != 0 {
			t.Errorf("%d peers are left", n)
		}
	})
}

func TestCloseEndsHandlersThatHaveNotBegun(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		g.handle("wait", waitForEnd)
		c := g.open(1)
		for range 100 {
			c.call("wait", nil)
		}
		c.Close(envelope.ReasonShutdown) // without waiting for the handlers to begin
		if n := c.counts(); n[envelope.CodeCancelled] != 100 {
			t.Errorf("answers: %v", n)
		}
	})
}

// TestRequestsAfterCloseAreDropped: the reader may bring some while the session's actor closes it.
func TestRequestsAfterCloseAreDropped(t *testing.T) {
	bubble(t, nil, func(t *testing.T, g *rig) {
		ran := 0
		g.handle("count", func(context.Context, *Request) (any, error) { ran++; return nil, nil })
		c := g.open(1)
		c.Close(envelope.ReasonRevoked)
		id := c.call("count", nil)
		c.send("count", "late")
		c.Cancel(id)
		synctest.Wait()
		if ran != 0 || c.Pending() != 0 || len(g.Loads()) != 0 {
			t.Errorf("%d handlers ran, %d calls are pending, loads are %v", ran, c.Pending(), g.Loads())
		}
	})
}
