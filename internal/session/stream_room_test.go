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
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// TestStreamsHoldWhatTheyReserve, however many they are, and whatever they have to send to a peer that does not read: what waits in
// the queue, beside values whose senders wait, is within StreamBytes. When the peer reads, each goes on.
func TestStreamsHoldWhatTheyReserve(t *testing.T) {
	const limit, n, size = 1 << 20, 40, 30_000
	bubble(t, func(t *testing.T, w *world) {
		taken := make(chan *Stream, n)
		e, r := w.open(handshake.Responder, func(c *Config) { c.StreamBytes = limit }, w.streaming(taken, func(c *serve.Config) { c.Streams = n }))
		for id := envelope.CallID(1); id <= n; id++ {
			r.say(aStream(id, "take", envelope.MaxCredit, nil))
			r.want(aCredit(ofOurs(id), testWindow))
		}
		goOn := e.stallWriter()
		var all []*Stream
		ctx, cancel := context.WithCancel(t.Context())
		for range n {
			s := <-taken
			all = append(all, s)
			go func() {
				for s.Send(ctx, bytesOf(size)) == nil {
				}
			}()
		}
		e.within(limit)
		waiting, roomy := 0, 0
		for _, s := range all {
			if len(s.turn) != 1 {
				t.Error("no sender waits")
			}
			if s.out.room == 0 {
				waiting += size + 100
			} else {
				roomy++
			}
		}
		queued := e.link.queue.size()
		if queued > limit+waiting || roomy == 0 || waiting == 0 {
			t.Errorf("%d bytes wait, of which senders hold at most %d, and %d streams have room", queued, waiting, roomy)
		}
		cancel() // their senders give up: nothing of them is left
		e.within(limit)
		if queued := e.link.queue.size(); queued > e.link.counters.StreamBytes() {
			t.Errorf("%d bytes wait, more than the %d that are reserved", queued, e.link.counters.StreamBytes())
		}
		go func() { // the peer reads again
			for {
				if _, err := r.Next(); err != nil {
					return
				}
			}
		}()
		goOn()
		synctest.Wait()
		for _, s := range all {
			if err := s.Send(t.Context(), bytesOf(size)); err != nil {
				t.Error(err)
			}
		}
		for id := envelope.CallID(1); id <= n; id++ {
			r.say(aCancel(id))
		}
		e.reserved(0)
	})
}

// within fails if more than limit is reserved for streams.
func (e *end) within(limit int) {
	e.Helper()
	synctest.Wait()
	if got := e.link.counters.StreamBytes(); got > limit {
		e.Errorf("%d bytes are reserved, more than %d", got, limit)
	}
}

// TestStreamHoldsItsBytesUntilItsReplyIsWritten: else a peer that does not read could pile up arguments, values and replies of
// streams that are over.
func TestStreamHoldsItsBytesUntilItsReplyIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		args := make([]byte, 5000) // 5003 encoded
		taken := make(chan *Stream, 1)
		e, r := w.open(handshake.Responder, w.streaming(taken))
		r.say(aStream(1, "take", 1<<20, args))
		r.want(aCredit(ofOurs(1), testWindow))
		s := <-taken
		goOn := e.stallWriter()
		if err := s.Send(t.Context(), make([]byte, 3000)); err != nil {
			t.Fatal(err)
		}
		e.reserved(5003 + testWindow + firstRoom)
		r.say(aCancel(1))
		e.reserved(5003 + firstRoom)
		r.say(aStream(2, "plain", 0, args)) // its reply is as large
		e.reserved(2*5003 + firstRoom)
		goOn()
		e.reserved(0)
	})
}

// TestStreamThatIsLeftHoldsItsRoomUntilItsValuesAreWritten is the same at the caller.
func TestStreamThatIsLeftHoldsItsRoomUntilItsValuesAreWritten(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(takesParts)
		opened := make(chan *Stream, 1)
		go func() {
			s, err := e.link.OpenStream(t.Context(), StreamCall{Name: "x", Window: testWindow})
			if err != nil {
				t.Error(err)
			}
			opened <- s
		}()
		synctest.Wait()
		r.say(aCredit(ofOurs(1), testWindow))
		s := <-opened
		goOn := e.stallWriter()
		if err := s.Send(t.Context(), make([]byte, 3000)); err != nil {
			t.Fatal(err)
		}
		s.Leave()
		e.reserved(firstRoom)
		goOn()
		e.reserved(0)
	})
}

// TestValueWithoutRoomIsTakenBack when its sender gives up, and its credit with it. The session goes on.
func TestValueWithoutRoomIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		taken := make(chan *Stream, 1)
		e, r := w.open(handshake.Responder, func(c *Config) { c.StreamBytes = testWindow + 1 }, w.streaming(taken)) // no room
		r.say(aStream(1, "take", 4000, nil))
		r.want(aCredit(ofOurs(1), testWindow))
		s := <-taken
		goOn := e.stallWriter()
		for range 5 { // more than the credit, if it were not given back
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.Send(ctx, bytesOf(2000)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Send to a peer that does not read: %v", err)
			}
			cancel()
		}
		if n := e.link.queue.size(); n != 0 {
			t.Errorf("%d bytes wait", n)
		}
		sent := make(chan error, 1)
		go func() { sent <- s.Send(t.Context(), "last") }()
		synctest.Wait()
		if len(sent) != 0 {
			t.Error("Send returned before the value had left")
		}
		goOn()
		r.want(aData(ofOurs(1), "last"))
		if err := <-sent; err != nil {
			t.Error(err)
		}
		r.say(aCancel(1))
		e.reserved(0)
	})
}

// TestChainThatIsTakenBackIsAbandonedOnce, also if its flow is dropped before that has left: else the peer's room would never come
// back.
func TestChainThatIsTakenBackIsAbandonedOnce(t *testing.T) {
	for name, drop := range map[string]bool{"the flow goes on": false, "the flow is dropped": true} {
		t.Run(name, func(t *testing.T) {
			q := testQueue(1000)
			q.setPeer(PartLimits{Message: 1 << 20, Assemble: 1 << 20, Chains: 1})
			f := q.newFlow(0, limitName)
			if err := f.push(t.Context(), numbered(1, 100_000)); err != nil {
				t.Fatal(err)
			}
			segments, _ := q.take(nil, partBytes)
			q.release(segments)
			if f.takeBack(99_999) || !f.takeBack(100_000) || f.takeBack(100_000) {
				t.Error("what is taken back is not the one envelope that waits")
			}
			var want []int
			if !drop {
				if err := f.push(t.Context(), numbered(2, 100)); err != nil {
					t.Fatal(err)
				}
				want = []int{2}
			} else {
				f.drop()
			}
			segments, _ = takeOnce(q, nil)
			if len(segments) == 0 || segments[0].buffer != nil || !segments[0].isLast {
				t.Fatal("the chain is not abandoned")
			}
			q.release(segments[:1])
			if got := numbers(t, append(plaintexts(t, segments[1:]), empty(t, q)...)); !slices.Equal(got, want) {
				t.Errorf("%v left, want %v", got, want)
			}
			q.release(segments[1:])
			if q.turns.open != 0 || q.turns.reserved != 0 {
				t.Errorf("%d chains are open, of %d bytes", q.turns.open, q.turns.reserved)
			}
			wantEmpty(t, q)
		})
	}
}

// TestClosingTellsThoseThatWaitForTheLastByte: a reply waits for it, and must not outlive the session.
func TestClosingTellsThoseThatWaitForTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		f, told := q.newFlow(0, limitName), 0
		f.whenWritten(func() { told++ }) // nothing waits
		f.force(numbered(1, 100))
		f.whenWritten(func() { told++ })
		if told != 1 {
			t.Errorf("told %d times before the end, want 1", told)
		}
		q.finish(nil, errTest)
		f.whenWritten(func() { told++ })
		if told != 3 {
			t.Errorf("told %d times, want 3", told)
		}
	})
}
