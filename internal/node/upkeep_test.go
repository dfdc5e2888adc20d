package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

// TestIdleSessionEnds: after that nothing but need brings the nodes together again (wire.md §6.8).
func TestIdleSessionEnds(t *testing.T) {
	for _, both := range []bool{false, true} {
		inBubble(t, func(t *testing.T, b *bubble) {
			w := b.world(1)
			x, y := w.pair()
			x.stop(time.Minute)
			x.adjust = func(c *Config) { c.Peers.IdleAfter = 10 * time.Minute }
			if both {
				y.stop(time.Minute)
				y.adjust = x.adjust
				y.start()
			}
			x.start()
			x.dials(y)
			only[peers.Up](x)
			for range 20 { // calls of either side keep it
				time.Sleep(9 * time.Minute)
				if err := x.call(y, "echo"); err != nil {
					t.Fatal(err)
				}
				x, y = y, x
			}
			long := make(chan error, 1) // and so does one that is in flight
			go func() { long <- x.call(y, "wait") }()
			time.Sleep(time.Hour)
			if downs := take[peers.Down](x); len(downs) > 0 {
				t.Fatalf("ended while a call was in flight: %+v", downs)
			}
			y.release()
			if err := answer(w, long); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10*time.Minute - time.Second)
			if downs := take[peers.Down](x); len(downs) > 0 {
				t.Fatalf("ended too early: %+v", downs)
			}
			time.Sleep(2*time.Minute + 32*time.Second)
			for _, n := range []*testNode{x, y} {
				if down := only[peers.Down](n); down.Reason != envelope.ReasonIdle {
					t.Errorf("%s: %+v", n.name, down)
				}
			}
			dials := x.dialled.Load() + y.dialled.Load()
			for range 10 { // what is heard again is not dialled
				x.finds(y)
				y.finds(x)
				time.Sleep(time.Minute)
			}
			if x.link(y) != nil || x.state(y) != peers.Found || x.dialled.Load()+y.dialled.Load() != dials {
				t.Errorf("connected again: %v, state %s", x.link(y) != nil, x.state(y))
			}
			for _, n := range []*testNode{x, y} {
				take[peers.Up](n)
			}
			x.Wake(y.key)
			synctest.Wait()
			one(x, y)
			w.end()
		})
	}
}

// TestConnectEndsIdleness: and so does a session that the peer initiates.
func TestConnectEndsIdleness(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair(func(c *Config) { c.Peers.IdleAfter = time.Minute })
		for range 3 {
			x.dials(y)
			time.Sleep(2 * time.Minute)
			if x.link(y) != nil {
				t.Fatal("did not end")
			}
			x, y = y, x
		}
		x.Wake(y.key) // as a call that waits for the peer does
		time.Sleep(time.Second)
		w.net.Reset(x.host, y.host) // lost, and not because it was idle
		time.Sleep(10 * time.Second)
		if x.link(y) == nil {
			t.Error("not dialled again")
		}
		w.end()
	})
}

// TestPeersAreBounded: a peer beyond the limit is told to come back later, and does.
func TestPeersAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		hub := w.node("hub")
		hub.adjust = func(c *Config) { c.Peers.MaxPeers = 2 }
		hub.start()
		var others []*testNode
		for _, name := range []string{"one", "two", "three"} {
			n := w.node(name)
			n.start()
			n.trusts(hub)
			hub.trusts(n)
			others = append(others, n)
		}
		stranger := w.node("stranger")
		stranger.start()
		stranger.trusts(hub)
		others[0].dials(hub)
		others[1].dials(hub)
		err := answer(w, others[2].connect(hub, hub.addr))
		if e, ok := err.(*peers.RefusedError); !ok || e.Reason != envelope.ReasonBusy || e.Text == "" || e.RetryAfter < 30*time.Second || e.RetryAfter > time.Minute {
			t.Errorf("one too many: %v", err)
		}
		if e, ok := answer(w, stranger.connect(hub, hub.addr)).(*peers.RefusedError); !ok || e.Reason != envelope.ReasonRefused {
			t.Errorf("a stranger: %v", e)
		}
		if err, ok := answer(w, hub.connect(others[2], others[2].addr)).(*peers.LimitError); !ok || err.What != "Peers" || err.Limit != 2 {
			t.Errorf("the node's own dial: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if hub.link(others[2]) != nil {
			t.Fatal("connected though the limit is reached")
		}
		if n := others[2].counters.Connections.Load(); n != 0 { // its address is known from a Connect alone
			t.Errorf("the hub has dialled %d times though it has no room", n)
		}
		hub.finds(others[2]) // it could dial the third, had it room
		time.Sleep(time.Minute)
		others[0].stop(time.Minute)
		time.Sleep(2 * time.Second)
		if hub.link(others[2]) == nil || others[2].link(hub) == nil {
			t.Error("there is room now, and the third is not connected")
		}
		others[0].start()
		time.Sleep(10 * time.Minute)
		if hub.link(others[0]) != nil {
			t.Error("connected though the limit is reached again")
		}
		w.end()
	})
}

// TestRefusedPeerComesBack: also if the one that has room again does not know where it is.
func TestRefusedPeerComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		hub, one, two := w.node("hub"), w.node("one"), w.node("two")
		hub.adjust = func(c *Config) { c.Peers.MaxPeers = 1 }
		for _, n := range []*testNode{one, two} {
			hub.trusts(n)
			n.trusts(hub)
		}
		for _, n := range w.nodes {
			n.start()
		}
		one.dials(hub)
		two.finds(hub)
		time.Sleep(time.Minute)
		one.stop(time.Minute)
		time.Sleep(time.Minute)
		if hub.link(two) == nil {
			t.Error("there is room now, and the second did not come back")
		}
		w.end()
	})
}

// TestSessionsAreBounded: a second session with a peer counts too, and what has ended does not.
func TestSessionsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair(func(c *Config) { c.Peers.MaxSessions = 1; c.Peers.RotateAfter = time.Hour })
		for range 5 {
			x.dials(y)
			first := x.link(y)
			time.Sleep(4 * time.Hour)
			if x.link(y) != first {
				t.Error("rotated though there is room for one session alone")
			}
			y.dialsAgain(x)
			time.Sleep(time.Second)
			if x.link(y) != first {
				t.Error("replaced though there is room for one session alone")
			}
			w.net.Reset(x.host, y.host)
			time.Sleep(time.Minute)
		}
		works(x, y)
		w.end()
	})
}
