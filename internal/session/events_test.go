package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestInitiatorAsksForRotationOnce: after MaxMessages one way, either way.
func TestInitiatorAsksForRotationOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		role handshake.Role
		use  func(e *end, r *raw)
		want int
	}{
		{"the peer's messages", handshake.Initiator, func(_ *end, r *raw) { r.say(aPong(7)) }, 1},
		{"its own messages", handshake.Initiator, func(e *end, _ *raw) { _ = e.link.Send(context.Background(), "note", nil) }, 1},
		{"a responder", handshake.Responder, func(_ *end, r *raw) { r.say(aPong(7)) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(c.role, func(c *Config) { c.MaxMessages = 20 })
				count := func() (n int) {
					for _, k := range kinds(e.heard()) {
						if k == "rotation due" {
							n++
						}
					}
					return n
				}
				for range 17 { // two each way have gone before
					c.use(e, r)
					synctest.Wait()
				}
				if n := count(); n != 0 {
					t.Errorf("said %d times after 19 messages", n)
				}
				for range 20 {
					c.use(e, r)
					synctest.Wait()
				}
				go func() { // answers what liveness asks
					for {
						if _, err := r.Next(); err != nil {
							return
						}
					}
				}()
				time.Sleep(e.config.PingAfter)
				synctest.Wait()
				if n := count(); n != c.want {
					t.Errorf("said %d times, want %d", n, c.want)
				}
			})
		})
	}
}

// TestCheckAsksAtOnce and gives the session up as after PingAfter.
func TestCheckAsksAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		time.Sleep(3 * time.Second)
		start := time.Now()
		at := func(want time.Duration) {
			t.Helper()
			if d := time.Since(start); d != want {
				t.Errorf("at %v, want %v", d, want)
			}
		}
		e.link.Check()
		e.link.Check() // it is being asked already
		r.want(aPing(1))
		at(0)
		r.say(aPong(1))
		r.want(aPing(2)) // the ordinary one
		at(15 * time.Second)
		r.say(aPong(2))
		synctest.Wait()
		e.link.Check()
		r.want(aPing(3))
		at(15 * time.Second)
		r.want(aPing(4))
		at(20 * time.Second)
		r.want(aBye(envelope.ReasonUnresponsive))
		at(25 * time.Second)
		r.hangUp()
	})
}

// TestEndingIsToldBeforeTheEnd so that no caller is given a session whose bye is being written.
func TestEndingIsToldBeforeTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		r.say([]byte{0x90}) // malformed
		r.want(aBye(envelope.ReasonProtocol))
		if got := kinds(e.heard()); !slices.Equal(got[3:], []string{"ending protocol"}) {
			t.Errorf("the owner heard %v", got)
		}
		r.hangUp()
		if got := kinds(e.heard()); !slices.Equal(got[3:], []string{"ending protocol", "ended protocol"}) {
			t.Errorf("the owner heard %v", got)
		}
	})
}

// TestPingsWaitForRoom: pings to a peer that does not read take no more room than the queue has.
func TestPingsWaitForRoom(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, _ := w.open(handshake.Responder)
		var blocked error
		sent := 0
		for ; blocked == nil && sent < 100_000; sent++ {
			ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
			if _, err := e.link.Ping(ctx); err != nil {
				if a, ok := errors.AsType[*AbandonedError](err); !ok || !a.Sent {
					blocked = err
				}
			}
			cancel()
		}
		if a, ok := errors.AsType[*AbandonedError](blocked); !ok || a.Sent {
			t.Fatalf("%d pings wait, the last: %v", sent, blocked)
		}
		e.look(func(s *session) {
			if n := s.queue.replies.bytes; n > urgentRoom {
				t.Errorf("%d bytes of pings wait", n)
			}
			if n := len(s.flight.pings); n > 1 {
				t.Errorf("%d pings that nobody waits for are kept", n)
			}
		})
	})
}
