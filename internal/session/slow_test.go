package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestSlowReaderHoldsTheCallersBack has a peer that does not read. What waits is bounded, callers wait under their context,
// and callers that gave up in time sent nothing.
func TestSlowReaderHoldsTheCallersBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const limit, each, n = 400_000, 10_000, 100
		e, r := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = limit })
		ctx, cancel := context.WithCancel(t.Context())
		var calls []*calling
		for range n {
			calls = append(calls, e.goCall(ctx, "x", make([]byte, each)))
		}
		waiting, bytes := 0, 0
		e.look(func(s *session) {
			s.queue.mu.Lock()
			defer s.queue.mu.Unlock()
			waiting, bytes = len(s.queue.calls.waiters), s.queue.calls.bytes
		})
		if bytes > limit || waiting < n-(limit+64<<10)/each { // the connection takes 64 KiB
			t.Errorf("%d bytes wait, of at most %d, and %d callers", bytes, limit, waiting)
		}
		cancel()
		sent := 0
		for _, c := range calls {
			if err, ok := c.wait(t).(*AbandonedError); !ok {
				t.Errorf("a call failed with %v", c.err)
			} else if err.Sent {
				sent++
			} else if err.Full != limit {
				t.Errorf("it waited for room among %d bytes, of %d", err.Full, limit)
			}
		}
		if want := n - waiting; sent != want {
			t.Errorf("%d calls say that they may have been carried out, want %d", sent, want)
		}
		var got, gone []envelope.CallID
		for range 2 * sent { // each call that left, and its cancel behind it
			plain, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			var m envelope.Envelope
			if err := envelope.Msgpack.Parse(plain, &m); err != nil {
				t.Fatal(err)
			}
			if m.Kind == envelope.KindCall {
				got = append(got, m.ID)
				continue
			}
			id, err := envelope.ParseCancel(m.Args)
			if err != nil || !slices.Contains(got, id) {
				t.Errorf("cancel of %d after the calls %v, %v", id, got, err)
			}
			gone = append(gone, id)
		}
		if len(got) != sent || len(gone) != sent || !slices.IsSorted(got) {
			t.Errorf("the peer read the calls %v and the cancels %v", got, gone)
		}
		next := e.goCall(t.Context(), "next", nil)
		r.want(aCall(n+1, "next", nil))
		r.say(aReply(n+1, nil))
		next.want(t, nil)
		e.look(func(s *session) {
			if !s.queue.isEmpty() {
				t.Error("the queue is not empty when everything has been written")
			}
			wantEmpty(t, s.queue)
		})
	})
}

// TestCallThatIsAnsweredBeforeItIsSentIsNoSuccess has a peer that does not read, and guesses the id of a call that waits for
// room.
func TestCallThatIsAnsweredBeforeItIsSentIsNoSuccess(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = 100_000 })
		ctx, cancel := context.WithCancel(t.Context())
		var calls []*calling
		for range 5 {
			calls = append(calls, e.goCall(ctx, "x", make([]byte, 90_000)))
		}
		e.look(func(s *session) {
			if n := len(s.queue.largeCalls.waiters); n == 0 {
				t.Error("nobody waits")
			}
		})
		r.say(aReply(envelope.CallID(len(calls)), nil))
		synctest.Wait()
		cancel()
		for i, c := range calls {
			if err, ok := c.wait(t).(*AbandonedError); !ok || i == len(calls)-1 && err.Sent {
				t.Errorf("call %d: %v", i+1, c.err)
			}
		}
	})
}

// TestReaderNeverWaitsForRoom fills both lanes against a peer that does not read: what the peer says is heard all the
// same.
func TestReaderNeverWaitsForRoom(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder, func(c *Config) { c.QueueBytes = 100_000 })
		mine := e.goCall(t.Context(), "mine", nil)
		r.want(aCall(1, "mine", nil))
		for range 5 {
			go func() { _ = e.link.Send(context.Background(), "x", make([]byte, 90_000)) }()
		}
		synctest.Wait()
		args := make([]byte, 10_000)
		for id := range envelope.CallID(100) { // echoes: more than the urgent lane has room for
			r.say(aCall(id+1, "echo", args))
		}
		if n := e.served.Pending(); n < 50 {
			t.Errorf("%d handlers wait for room: the test shows nothing", n)
		}
		r.say(aReply(1, "heard"))
		mine.want(t, "heard")
		r.say(aSend("note", nil))
		if n := len(e.served.sent()); n != 1 {
			t.Errorf("%d sends were handled", n)
		}
		e.look(func(s *session) {
			s.queue.mu.Lock()
			defer s.queue.mu.Unlock()
			if n := s.queue.replies.bytes; n > urgentRoom {
				t.Errorf("%d urgent bytes wait, of at most %d", n, urgentRoom)
			}
		})
		replies := 0
		for replies < 100 {
			plain, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if plain[1] == byte(envelope.KindReply) {
				replies++
			}
		}
		e.alive(open)
	})
}

// TestFloodOfPings has a peer that pings and does not read: few pongs wait, the newest, and liveness goes on.
func TestFloodOfPings(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.open(handshake.Responder)
		const n = 20_000
		var all [][]byte
		for i := range uint64(n) {
			all = append(all, aPing(i))
		}
		for batch := range slices.Chunk(all, 1000) {
			r.say(batch...)
		}
		e.look(func(s *session) {
			s.queue.mu.Lock()
			defer s.queue.mu.Unlock()
			if len(s.queue.pongs) > maxPongs || s.queue.replies.bytes > 1000 {
				t.Errorf("%d pongs and %d urgent bytes wait", len(s.queue.pongs), s.queue.replies.bytes)
			}
		})
		last, heard := uint64(0), 0
		for last != n-1 {
			plain, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			nonce := binary.BigEndian.Uint64(plain[len(plain)-8:])
			if plain[1] != byte(envelope.KindPong) || heard > 0 && nonce <= last {
				t.Fatalf("heard %x after the pong to %d", plain, last)
			}
			last = nonce
			heard++
		}
		t.Logf("%d of %d pings were answered", heard, n)
		e.alive(open)
	})
}

// TestTwoSessionsCallEachOther makes 1,000 calls at once each way, of all sizes.
func TestTwoSessionsCallEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.both()
		var join sync.WaitGroup
		for _, e := range []*end{a, b} {
			for i := range 1000 {
				join.Go(func() {
					size := []int{0, 10, 20, 50, 100, 200, 500, 1000, 5000, 10_000, 20_000, 100_000}[i%12]
					args := bytes.Repeat([]byte{byte(i)}, size)
					got, err := e.link.Call(t.Context(), "echo", "", args)
					if err != nil {
						t.Error(err)
						return
					}
					if want := must(envelope.Msgpack.AppendValue(nil, args)); !bytes.Equal(got.Bytes(), want) {
						t.Errorf("call %d of %d bytes came back changed", i, size)
					}
				})
			}
		}
		join.Wait()
		for _, e := range []*end{a, b} {
			e.look(func(s *session) {
				if s.flight.countCalls() != 0 || s.callers.Load() != 0 || !s.queue.isEmpty() {
					t.Errorf("left over: %d calls, %d callers", s.flight.countCalls(), s.callers.Load())
				}
				wantEmpty(t, s.queue)
			})
		}
		a.tell(Close{Reason: envelope.ReasonShutdown})
		a.ended()
		b.ended()
	})
}

// TestCallsAreCancelledAtAnyMoment gives up calls while they are queued, written, answered: each ends once, and whatever
// came of them, the session goes on.
func TestCallsAreCancelledAtAnyMoment(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.both(func(c *Config) { c.QueueBytes = 50_000 })
		for _, e := range []*end{a, b} {
			e.served.serve(func(s *stub, m envelope.Envelope) {
				time.Sleep(time.Duration(m.ID%5) * time.Millisecond)
				echo(s, m)
			})
		}
		var join sync.WaitGroup
		for _, e := range []*end{a, b} {
			for i := range 300 {
				join.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
					defer cancel()
					want := must(envelope.Msgpack.AppendValue(nil, i))
					got, err := e.link.Call(ctx, "echo", "", i)
					switch err := err.(type) {
					case nil:
						if !bytes.Equal(got.Bytes(), want) {
							t.Errorf("call %d was answered with %x", i, got.Bytes())
						}
					case *AbandonedError:
					default:
						t.Errorf("call %d: %v", i, err)
					}
				})
			}
		}
		join.Wait()
		time.Sleep(time.Second)
		for _, e := range []*end{a, b} {
			e.look(func(s *session) {
				if s.flight.countCalls() != 0 {
					t.Errorf("%d calls are in flight", s.flight.countCalls())
				}
				wantEmpty(t, s.queue)
			})
			e.alive(open)
		}
	})
}
