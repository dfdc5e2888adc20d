package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestLivenessDecides holds wire.md §7.2 as a table.
func TestLivenessDecides(t *testing.T) {
	const after, within = 15 * time.Second, 5 * time.Second
	s := time.Second
	for _, c := range []struct {
		name        string
		idle, since time.Duration
		missed      int
		stillMissed int
		left        time.Duration
	}{
		{"just heard", 0, 90 * s, 0, 0, after},
		{"heard a while ago", 14 * s, 90 * s, 0, 0, s},
		{"silent for so long", 15 * s, 90 * s, 0, 0, 0},
		{"silent for longer", 40 * s, 90 * s, 0, 0, -25 * s},
		{"heard since the ping, not handled yet", 2 * s, 5 * s, 1, 0, 13 * s},
		{"heard long since the ping", 14 * s, 15 * s, 1, 0, s},
		{"looked too early", 18 * s, 3 * s, 1, 1, 2 * s},
		{"one pong missed", 20 * s, 5 * s, 1, 1, 0},
		{"looked too early at the second", 24 * s, 4 * s, 2, 2, s},
		{"two pongs missed", 25 * s, 5 * s, 2, 2, 0},
	} {
		if missed, left := liveness(c.idle, c.since, c.missed, after, within); missed != c.stillMissed || left != c.left {
			t.Errorf("%s: %d missed, %v left; want %d, %v", c.name, missed, left, c.stillMissed, c.left)
		}
	}
}

// TestSilentPeerIsPingedAndGivenUp follows the whole of wire.md §7.2 by the clock, with a call that the peer has and one
// that waits in the queue.
func TestSilentPeerIsPingedAndGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		start := time.Now()
		sent := e.goCall(t.Context(), "slow", nil)
		r.want(aCall(1, "slow", nil))
		at := func(want time.Duration) {
			t.Helper()
			if d := time.Since(start); d != want {
				t.Errorf("at %v, want %v", d, want)
			}
		}
		r.want(aPing(1))
		at(15 * time.Second)
		r.want(aPing(2))
		at(20 * time.Second)
		r.want(aBye(envelope.ReasonUnresponsive))
		at(25 * time.Second)
		r.wantEnd()
		sent.wantLink(t, envelope.ReasonUnresponsive, false, true)
		at(25 * time.Second)
		r.hangUp()
		if m := e.ended(); m.Reason != envelope.ReasonUnresponsive || m.ByPeer || !m.WasUp {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestPendingCallsFailWhenPongIsLate has a peer that neither reads nor talks: of its calls some have left, one waits
// behind them, one waits for room.
func TestPendingCallsFailWhenPongIsLate(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, _ := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = 500_000 })
		big := make([]byte, 300_000)
		left := e.goCall(t.Context(), "left", big)     // fills the window of the connection
		queued := e.goCall(t.Context(), "queued", nil) // waits behind it
		waiting := e.goCall(t.Context(), "waiting", big)
		pinging := make(chan error, 1)
		go func() {
			_, err := e.link.Ping(t.Context())
			pinging <- err
		}()
		start := time.Now()
		left.wantLink(t, envelope.ReasonUnresponsive, false, true)
		queued.wantLink(t, envelope.ReasonUnresponsive, false, false)
		waiting.wantLink(t, envelope.ReasonUnresponsive, false, false)
		if err := <-pinging; !errors.Is(err, ErrLinkLost) {
			t.Errorf("the ping failed with %v", err)
		}
		if d := time.Since(start); d != 25*time.Second {
			t.Errorf("after %v, want 25s", d)
		}
		time.Sleep(time.Second)
		e.ended()
	})
}

// TestAnyValidFrameIsASignOfLife sends one at each moment at which the session waits.
func TestAnyValidFrameIsASignOfLife(t *testing.T) {
	for name, word := range map[string][]byte{"pong of the first": aPong(1), "ping": aPing(9), "send": aSend("x", nil), "late reply": aReply(99, nil),
		"unknown name": aSend("$/later", nil)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				for _, wait := range []time.Duration{14, 16, 20, 24, 24, 24, 24, 24} {
					time.Sleep(wait * time.Second)
					r.say(word)
				}
				e.alive(open)
				e.look(func(s *session) {
					if n := len(s.flight.pings); n > 1 {
						t.Errorf("%d pings are waited for: they add up", n)
					}
				})
			})
		})
	}
}

// TestPartsOfAFrameAreNoSignOfLife trickles a frame so slowly that it never ends (wire.md §7.2).
func TestPartsOfAFrameAreNoSignOfLife(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		start := time.Now()
		b := r.Frames(sized(1000))
		for i := range b[:24] {
			r.Write(b[i : i+1])
			time.Sleep(time.Second)
		}
		r.want(aPing(1), aPing(2), aBye(envelope.ReasonUnresponsive))
		if d := time.Since(start); d != 25*time.Second {
			t.Errorf("given up after %v", d)
		}
		r.wantEnd()
		r.hangUp()
		e.ended()
	})
}

// TestLivenessHoldsDuringAHalfClose has a peer that falls silent between the byes.
func TestLivenessHoldsDuringAHalfClose(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		start := time.Now()
		e.tell(Close{Reason: envelope.ReasonShutdown})
		r.want(aBye(envelope.ReasonShutdown), aPing(1), aPing(2), aBye(envelope.ReasonUnresponsive))
		if d := time.Since(start); d != 25*time.Second {
			t.Errorf("given up after %v", d)
		}
		r.wantEnd()
		r.hangUp()
		if m := e.ended(); m.Reason != envelope.ReasonUnresponsive {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestStalledWriteEndsTheSession has a peer that talks and never reads (wire.md §7.2).
func TestStalledWriteEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		start := time.Now()
		c := e.goCall(t.Context(), "big", make([]byte, 500_000))
		for time.Since(start) < 29*time.Second {
			time.Sleep(5 * time.Second)
			r.say(aSend("alive", nil))
		}
		e.alive(open)
		c.wantLink(t, ReasonLost, false, true)
		if d := time.Since(start); d < 30*time.Second || d > 30*time.Second+writeLook+lingerAfterBye {
			t.Errorf("given up after %v", d)
		}
		if m := e.ended(); m.Reason != ReasonLost || !errors.Is(m.Err, errStalled) {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestSlowReaderIsNoStalledWrite has a peer that reads a little now and then: each time the 30 s begin again.
func TestSlowReaderIsNoStalledWrite(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		c := e.goCall(t.Context(), "big", make([]byte, 500_000))
		buf := make([]byte, 1000)
		for range 10 {
			time.Sleep(14 * time.Second)
			r.say(aSend("alive", nil))
			time.Sleep(14 * time.Second)
			r.say(aSend("alive", nil))
			if n, err := r.Conn.Read(buf); n == 0 || err != nil {
				t.Fatal(n, err)
			}
		}
		if !c.waits() {
			t.Errorf("the call failed with %v", c.err)
		}
		e.alive(open)
	})
}

// TestByeBehindAFailedWriteIsHeard holds wire.md §7.3: after a failed write, what has already arrived is read. The peer has
// said why, and closed.
func TestByeBehindAFailedWriteIsHeard(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		unblock := make(chan struct{})
		e.tell(func(*session) { <-unblock }) // the bye arrives, and is not handled before the write has failed
		synctest.Wait()
		r.Write(r.Frames(aBye(envelope.ReasonBusy)))
		_ = e.link.conn.(interface{ CloseWrite() error }).CloseWrite()
		c := e.goCall(t.Context(), "x", nil)
		synctest.Wait()
		close(unblock)
		c.wantLink(t, envelope.ReasonBusy, true, true)
		if m := e.ended(); m.Reason != envelope.ReasonBusy || !m.ByPeer {
			t.Errorf("ended %+v", m)
		}
	})
}

// TestFailedWriteWithoutABye waits a second for a bye that may be there, and then tells what failed.
func TestFailedWriteWithoutABye(t *testing.T) {
	for _, state := range []string{"open", "draining"} {
		t.Run(state, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder)
				want := ReasonLost
				if state == "draining" {
					want = envelope.ReasonShutdown
					e.tell(Close{Reason: want})
					synctest.Wait()
				}
				start := time.Now()
				breakWrites(e, r)
				synctest.Wait()
				time.Sleep(2 * lingerAfterBye)
				m := e.ended()
				if m.Reason != want || m.Err == nil || m.ByPeer {
					t.Errorf("ended %+v", m)
				}
				if d := time.Since(start); d > 2*lingerAfterBye {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}
