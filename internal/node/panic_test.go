package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// TestSessionThatFailsHarmsNoOther: an actor that panics, on either side of the dial.
func TestSessionThatFailsHarmsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, inbound := range []bool{true, false} {
			w := b.world(1)
			x, y := w.pair()
			z := w.node("z")
			x.trusts(z)
			z.trusts(x)
			z.start()
			if inbound {
				y.dials(x)
			} else {
				x.dials(y)
			}
			z.dials(x)
			one2 := x.link(z)
			take[peers.Up](x)
			if l := (*session.LinkError)(nil); !errors.As(y.call(x, "panic"), &l) {
				t.Error("the call that made the session fail was answered")
			}
			if d := only[peers.Down](x); d.Key != y.key || d.Reason != session.ReasonLost {
				t.Errorf("told %+v", d)
			}
			if x.link(z) != one2 || x.call(z, "echo") != nil || z.call(x, "echo") != nil {
				t.Error("the session of another peer was touched")
			}
			time.Sleep(time.Minute)
			if x.link(y) == nil {
				t.Fatal("not connected again")
			}
			works(x, y)
			w.end()
		}
	})
}

// TestPeerThatFailsHarmsNoOther: the actor of a peer panics. Its sessions end, its waiters are
// answered, and the peer can come back.
func TestPeerThatFailsHarmsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		z := w.node("z")
		x.trusts(z)
		z.trusts(x)
		z.start()
		z.dials(x)
		y.dials(x)
		take[peers.Up](x)
		other := x.link(z)
		gate := make(chan struct{})
		fail := func() {
			<-gate
			panic("on purpose")
		}
		x.asked.Store(&fail)
		y.dialsAgain(x) // x asks once more whether y is trusted
		synctest.Wait()
		waiting := x.connect(y, y.addr)
		synctest.Wait()
		close(gate)
		if err := answer(w, waiting); !errors.Is(err, peers.ErrStopping) {
			t.Errorf("Connect: %v", err)
		}
		x.asked.Store(nil)
		if d := only[peers.Down](x); d.Key != y.key || d.Reason != session.ReasonLost {
			t.Errorf("told %+v", d)
		}
		if x.link(y) != nil {
			t.Error("there is still a link")
		}
		if x.link(z) != other || z.call(x, "echo") != nil {
			t.Error("the session of another peer was touched")
		}
		if d := only[peers.Down](y); d.Reason != envelope.ReasonBusy || !d.ByPeer {
			t.Errorf("y was told %+v", d)
		}
		time.Sleep(time.Minute)
		if x.link(y) == nil {
			t.Fatal("not connected again")
		}
		works(x, y)
		x.distrusts(y) // its sessions are watched over again
		synctest.Wait()
		if x.link(y) != nil || y.link(x) != nil {
			t.Error("a session outlives its trust")
		}
		w.end()
	})
}

// TestNodeStopsWhenOneOfItsActorsFails: half a node must not look healthy.
func TestNodeStopsWhenOneOfItsActorsFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		stranger := w.node("stranger")
		y.dials(x)
		take[peers.Up](x)
		fail := func() { panic("on purpose") }
		x.asked.Store(&fail)
		done := x.connect(stranger)
		synctest.Wait()
		select {
		case <-x.Done():
		default:
			t.Fatal("the node goes on")
		}
		if len(done) != 0 {
			t.Error("Connect was answered: who waits must look at Done")
		}
		if d := only[peers.Down](x); d.Key != y.key {
			t.Errorf("told %+v", d)
		}
		if x.link(y) != nil {
			t.Error("there is still a link")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := x.directory.Await(ctx, y.key, nil); !errors.Is(err, peers.ErrStopping) {
			t.Errorf("Await: %v", err)
		}
		w.end()
	})
}
