package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// calling starts calls of "wait" from one node to another, and returns where their outcomes arrive.
func (n *testNode) calling(o *testNode, count int) <-chan error {
	results := make(chan error, count)
	for range count {
		go func() { results <- n.call(o, "wait") }()
	}
	synctest.Wait()
	return results
}

// stopping stops a node in the background, and returns where the outcome arrives.
func (n *testNode) stopping(within time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() { done <- n.stop(within) }()
	time.Sleep(time.Millisecond)
	return done
}

func TestStopLetsCallsInFlightFinish(t *testing.T) {
	for _, callee := range []bool{true, false} {
		t.Run(fmt.Sprintf("of the callee %v", callee), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				const calls = 20
				w := b.world(1)
				x, y := w.pair()
				x.dials(y)
				one(x, y)
				results := x.calling(y, calls)
				stops, stays := x, y
				if callee {
					stops, stays = y, x
				}
				done := stops.stopping(20 * time.Second)
				synctest.Wait()
				if err := stays.call(stops, "echo"); err == nil {
					t.Error("a call to a node that stops was answered")
				}
				if l := stays.link(stops); l != nil {
					t.Error("a node that stops is still called")
				}
				time.Sleep(5 * time.Second)
				if len(done) != 0 || len(results) != 0 {
					t.Fatalf("after 5 s: stopped %v, %d calls over", len(done) != 0, len(results))
				}
				if n := y.release(); n != calls {
					t.Errorf("%d calls were running, want %d", n, calls)
				}
				for range calls {
					if err := answer(w, results); err != nil {
						t.Errorf("a call in flight: %v", err)
					}
				}
				began := time.Now()
				if err := answer(w, done); err != nil {
					t.Errorf("Stop: %v", err)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("Stop took %v after the last call", took)
				}
				if d := only[peers.Down](stays); d.Reason != envelope.ReasonShutdown || !d.ByPeer {
					t.Errorf("told %+v", d)
				}
				w.end()
			})
		})
	}
}

// TestWhoComesWhileTheNodeStopsIsToldSo: not that it is not trusted, which would keep it away for minutes.
func TestWhoComesWhileTheNodeStopsIsToldSo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		z := w.node("z")
		z.trusts(x)
		x.trusts(z)
		z.start()
		y.dials(x)
		results := y.calling(x, 1) // x cannot stop before this is over
		w.net.SetDelay(10*time.Millisecond, 0)
		late := z.connect(x, x.addr)
		time.Sleep(25 * time.Millisecond) // message 1 is on its way
		done := x.stopping(time.Minute)
		err := answer(w, late)
		if r := (*peers.RefusedError)(nil); !errors.As(err, &r) || r.Reason != envelope.ReasonShutdown {
			t.Errorf("connect: %v, want to be told of the shutdown", err)
		}
		x.release()
		if err := answer(w, results); err != nil {
			t.Errorf("the call in flight: %v", err)
		}
		if err := answer(w, done); err != nil {
			t.Errorf("Stop: %v", err)
		}
		w.end()
	})
}

func TestAfterItsContextStopFailsCallsInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		z := w.node("z")
		z.trusts(x)
		x.trusts(y, z)
		z.start()
		x.dials(y)
		z.dials(x)
		there, back, other := x.calling(y, 3), y.calling(x, 3), x.calling(z, 3)
		began := time.Now()
		if err := answer(w, x.stopping(3*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop: %v", err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("Stop took %v", took)
		}
		for _, results := range []<-chan error{there, back, other} {
			for range 3 {
				if l := (*session.LinkError)(nil); !errors.As(answer(w, results), &l) || !l.Sent {
					t.Errorf("a call in flight: %v", l)
				}
			}
		}
		only[peers.Down](y)
		w.end()
	})
}

// TestStopThatIsCutShortLosesNoEvent: the owner is told that every peer is disconnected, however slow it is; stop checks
// that.
func TestStopThatIsCutShortLosesNoEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.node("x"), w.node("y")
		x.slow = time.Second
		x.trusts(y)
		y.trusts(x)
		x.start()
		y.start()
		for i := range 5 {
			z := w.node(fmt.Sprint("z", i))
			z.trusts(x)
			x.trusts(z)
			z.start()
			z.dials(x)
		}
		y.dials(x)
		time.Sleep(time.Minute)
		x.calling(y, 1)
		if n := len(take[peers.Up](x)); n != 6 {
			t.Fatalf("%d peers are connected", n)
		}
		if err := x.stop(time.Second / 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop: %v", err)
		}
		if n := len(take[peers.Down](x)); n != 6 {
			t.Errorf("%d peers were disconnected", n)
		}
		w.end()
	})
}

func TestStopOfANodeWithoutPeersIsImmediate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		began := time.Now()
		root := x.Node
		if err := x.stop(time.Minute); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		select {
		case <-root.Done():
		default:
			t.Error("Done is open")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			if err := root.Stop(t.Context()); err != nil {
				t.Errorf("Stop again: %v", err)
			}
			if err := root.Stop(ended); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Stop again: %v", err)
			}
		}
		root.Connect(peers.Connect{Key: y.key, Done: make(chan error, 1)}) // to nobody
		w.end()
	})
}

func TestStopWhileDialling(t *testing.T) {
	nowhere := netip.MustParseAddrPort("10.0.0.99:1")
	for _, test := range []struct {
		name string
		at   func(w *world) netip.AddrPort
	}{
		{"an address that does not answer", func(*world) netip.AddrPort { return nowhere }},
		{"a node that accepts and says nothing", func(w *world) netip.AddrPort {
			silent := w.net.Host(netip.MustParseAddr("10.0.0.98"))
			l, err := silent.Listen(w.Context(), "tcp", "10.0.0.98:1")
			if err != nil {
				w.Fatal(err)
			}
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, c)
				_, _ = c.Close(), l.Close()
			}()
			return netip.MustParseAddrPort("10.0.0.98:1")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				w := b.world(1)
				x, y := w.pair()
				at := test.at(w)
				waiting := []<-chan error{x.connect(y, at), x.connect(y)}
				if s := x.state(y); s != peers.Dialling {
					t.Errorf("state: %q", s)
				}
				time.Sleep(time.Second)
				began := time.Now()
				if err := x.stop(time.Minute); err != nil {
					t.Errorf("Stop: %v", err)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("Stop took %v", took)
				}
				for _, done := range waiting {
					if err := answer(w, done); !errors.Is(err, peers.ErrStopping) {
						t.Errorf("Connect: %v", err)
					}
				}
				w.end()
			})
		})
	}
}

// TestStopAtAnyMoment: of a connection that is being made, in either direction, Stop leaves nothing. Each packet
// arrives at the very moment of one of the Stops.
func TestStopAtAnyMoment(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(80) {
			w := b.world(seed)
			x, y := w.pair()
			w.net.SetDelay(10*time.Millisecond, 0)
			done := x.connect(y, y.addr)
			time.Sleep(time.Duration(seed/8) * 10 * time.Millisecond)
			stops := x
			if seed%2 == 0 {
				stops = y
			}
			if err := stops.stop(time.Minute); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			time.Sleep(10 * time.Second)
			select {
			case <-done:
			default:
				t.Errorf("seed %d: Connect is not answered", seed)
			}
			w.end()
		}
	})
}

func TestPeerThatRestartsInGoodOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(10) {
			w := b.world(seed)
			x, y := w.pair()
			x.dials(y)
			one(x, y)
			time.Sleep(time.Hour)
			if err := y.stop(time.Minute); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if d := only[peers.Down](x); d.Reason != envelope.ReasonShutdown || !d.ByPeer {
				t.Errorf("told %+v", d)
			}
			if s := x.state(y); s != peers.BackingOff {
				t.Errorf("state: %q", s)
			}
			y.start()
			time.Sleep(time.Minute)
			one(x, y)
			w.end()
		}
	})
}
