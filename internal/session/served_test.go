package session

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// What only the session and what runs the handlers can do together.

func (w *world) handlers(limit int) func(*Config) {
	return func(c *Config) {
		server := serve.New(serve.Config{Clock: w.clock, Log: c.Log, Pool: w.Pool, Rand: rand.Reader,
			Calls: limit, CallBytes: 1 << 30, Sends: 1024, SendBytes: 8 << 20})
		for name, h := range map[string]serve.Handler{
			"echo": func(_ context.Context, r *serve.Request) (any, error) { return r.Args(), nil },
			"slow": func(ctx context.Context, _ *serve.Request) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		} {
			if err := server.Add(&serve.Registration{Name: name, Handler: h}); err != nil {
				w.Fatal(err)
			}
		}
		c.Serve = func(l *Link) Inbound { return server.Open(l) }
		w.Cleanup(server.Wait)
	}
}

// TestIDInFlightIsNotUsedAgain holds wire.md §6.3, for a name that has a handler and for one that has none.
func TestIDInFlightIsNotUsedAgain(t *testing.T) {
	for _, name := range []string{"slow", "echo", "nobody", "$/hello"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.open(handshake.Responder, w.handlers(10))
				r.say(aCall(1, "echo", 1), aCall(2, "slow", nil))
				r.want(aReply(1, 1))
				r.say(aCall(1, "echo", 2)) // free again
				r.want(aReply(1, 2))
				r.Write(r.Frames(aCall(2, name, nil)))
				r.wantProtocol(e)
				if m := e.ended(); !errors.Is(m.Err, serve.ErrDuplicateID) {
					t.Errorf("ended for %v", m.Err)
				}
			})
		})
	}
}

// TestCancelledCallIsAnswered holds wire.md §6.9, and that nothing follows the one reply.
func TestCancelledCallIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, r := w.open(handshake.Responder, w.handlers(10))
		r.say(aCall(2, "slow", nil), aCall(3, "$/hello", nil), aCancel(3), aCancel(2), aCancel(2))
		for range 2 {
			plain, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			var m envelope.Envelope
			if err := envelope.Msgpack.Parse(plain, &m); err != nil || m.Err == nil {
				t.Fatalf("heard %x", plain)
			}
			if want := map[envelope.CallID]error{2: envelope.ErrCancelled, 3: envelope.ErrNoHandler}[m.ID]; !errors.Is(m.Err, want) {
				t.Errorf("call %d was answered with %v", m.ID, m.Err)
			}
		}
		r.say(aPing(4))
		r.want(aPong(4))
	})
}

// TestPeerThatAsksAndDoesNotReadIsGivenUp goes on calling while its refusals wait. What waits is bounded, and then the
// session ends (wire.md §9).
func TestPeerThatAsksAndDoesNotReadIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, w.handlers(1))
		r.say(aCall(1, "slow", nil))
		name := strings.Repeat("\u00a0", 120) // each is six characters where it is quoted
		calls := make([][]byte, 0, 5000)
		for id := range envelope.CallID(5000) {
			calls = append(calls, aCall(id+2, name, nil))
		}
		written := 0
		for _, c := range calls {
			if _, err := r.Conn.Write(r.Frames(c)); err != nil {
				break
			}
			synctest.Wait()
			written++
			if written%100 == 0 && len(kinds(e.heard())) == 3 {
				e.look(func(s *session) {
					s.queue.mu.Lock()
					defer s.queue.mu.Unlock()
					if n := s.queue.refusals; n > maxRefusals {
						t.Errorf("%d refusals wait", n)
					}
				})
			}
		}
		if m := e.ended(); m.Reason != envelope.ReasonProtocol || !errors.Is(m.Err, serve.ErrFlood) {
			t.Errorf("ended %+v", m)
		}
		if written == len(calls) {
			t.Error("all calls were taken")
		}
	})
}

// TestThousandCallsBothWays runs with everything that a node runs, its limits raised.
func TestThousandCallsBothWays(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.pipe()
		ca, cb := w.config(ours, theirs), w.config(theirs, ours)
		w.handlers(2000)(ca)
		w.handlers(2000)(cb)
		b := w.spawn(cb, far, handshake.Responder, false)
		a := w.spawn(ca, near, handshake.Initiator, false)
		a.alive(open)
		var join sync.WaitGroup
		for _, e := range []*end{a, b} {
			for i := range 1000 {
				join.Go(func() {
					got, err := e.link.Call(t.Context(), "echo", "", i)
					var n int
					if err == nil {
						err = got.Decode(&n)
					}
					if err != nil || n != i {
						t.Errorf("call %d: %d, %v", i, n, err)
					}
				})
			}
		}
		join.Wait()
		a.tell(Close{Reason: envelope.ReasonShutdown})
		a.ended()
		b.ended()
	})
}
