package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

func TestPingMeasuresTheRoundTrip(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		if rtt := e.link.RTT(); rtt != 0 {
			t.Errorf("RTT %v before the first ping", rtt)
		}
		type pinged struct {
			rtt time.Duration
			err error
		}
		done := make(chan pinged, 1)
		go func() {
			rtt, err := e.link.Ping(t.Context())
			done <- pinged{rtt, err}
		}()
		r.want(aPing(1))
		time.Sleep(3 * time.Second)
		r.say(aPong(2), envelope.Msgpack.AppendPong(nil, []byte("of another length")), aPong(1))
		if p := <-done; p.err != nil || p.rtt != 3*time.Second || e.link.RTT() != 3*time.Second {
			t.Errorf("ping: %v, %v; RTT %v", p.rtt, p.err, e.link.RTT())
		}
		r.say(aPong(1)) // nobody waits any more

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := e.link.Ping(ctx)
		if a, ok := errors.AsType[*AbandonedError](err); !ok || !errors.Is(a, context.DeadlineExceeded) {
			t.Errorf("ping: %v", err)
		}
		e.look(func(s *session) {
			if n := len(s.flight.pings); n != 0 {
				t.Errorf("%d pings are waited for", n)
			}
		})
	})
}

// TestFullQueueIsNamed has a peer that does not read. A call and a ping have room of their own.
func TestFullQueueIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const limit = 400_000
		e, _ := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = limit })
		e.link.queue.force(&buffer{make([]byte, urgentRoom)}, nil)
		e.look(func(s *session) {
			s.queue.mu.Lock()
			defer s.queue.mu.Unlock()
			s.queue.use(&s.queue.calls, limit)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call := e.goCall(ctx, "x", nil)
		_, ping := e.link.Ping(ctx)
		for _, test := range []struct {
			err   error
			full  int
			isSet bool // by Limits.QueueBytes
		}{{ping, urgentRoom, false}, {call.wait(t), limit, true}} {
			a, ok := errors.AsType[*AbandonedError](test.err)
			if !ok || a.Sent || a.Full != test.full || strings.Contains(a.Error(), "Limits.QueueBytes") != test.isSet {
				t.Errorf("%v; want no room among %d bytes", test.err, test.full)
			}
		}
	})
}

// TestPongAnswersEarlierPings has a peer that drops the older of the pongs that wait (wire.md §6.6).
func TestPongAnswersEarlierPings(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		var done [4]chan time.Duration
		for i := range done {
			done[i] = make(chan time.Duration, 1)
			go func() {
				rtt, err := e.link.Ping(context.Background())
				if err != nil {
					t.Error(err)
				}
				done[i] <- rtt
			}()
			r.want(aPing(uint64(i + 1)))
			time.Sleep(time.Second)
		}
		r.say(aPong(3))
		for i := range 3 {
			if rtt := <-done[i]; rtt != time.Duration(4-i)*time.Second {
				t.Errorf("ping %d took %v", i+1, rtt)
			}
		}
		if rtt := e.link.RTT(); rtt != 2*time.Second {
			t.Errorf("RTT %v, want that of the ping whose pong came", rtt)
		}
		r.say(aPong(2))
		if len(done[3]) != 0 {
			t.Error("an earlier pong answers a later ping")
		}
		r.say(aPong(4))
		<-done[3]
	})
}

func TestProbeTellsWhetherThePeerAnswers(t *testing.T) {
	last := func(e *end) any { h := e.heard(); return h[len(h)-1] }
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		e.link.Probe(Probe{Within: time.Second})
		r.want(aPing(1))
		time.Sleep(time.Second - 1)
		r.say(aPong(1))
		if got, want := last(e), any(Probed{e.link, true}); got != want {
			t.Errorf("heard %v, want %v", got, want)
		}
		e.link.Probe(Probe{Within: time.Second})
		r.want(aPing(2))
		r.say(aPing(1)) // any word of the peer's but the one
		r.want(aPong(1))
		time.Sleep(time.Second)
		if got, want := last(e), any(Probed{e.link, false}); got != want {
			t.Errorf("heard %v, want %v", got, want)
		}
		r.say(aPong(2))
		e.alive(open)
	})
	bubble(t, func(t *testing.T, w *world) { // the session ends under it
		e, r := w.open(handshake.Responder)
		e.link.Probe(Probe{Within: time.Minute})
		r.want(aPing(1))
		r.say(aBye(envelope.ReasonBusy))
		e.ended()
	})
}
