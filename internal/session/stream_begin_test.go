package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// The beginning of a stream, and its end before that.

// stallWriter has what is queued wait, as while the writer waits for the connection, until the func that it returns is called.
func (e *end) stallWriter() (goOn func()) {
	synctest.Wait()
	q := e.link.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isResting = false
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.isResting = true
		q.wake()
	}
}

// TestNothingOvertakesTheFirstCredit: the callee's first credit leaves before the handler's values and its reply, however much that
// is urgent waits beside them.
func TestNothingOvertakesTheFirstCredit(t *testing.T) {
	for name, act := range map[string]func(*testing.T, *Stream){
		"a value": func(t *testing.T, s *Stream) {
			if err := s.Send(t.Context(), "value"); err != nil {
				t.Error(err)
			}
		},
		"the end":   func(t *testing.T, s *Stream) { _ = s.CloseSend(t.Context()) },
		"the reply": nil, // the handler's own
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				taken, begun := make(chan *Stream, 1), make(chan *Stream, 1)
				near, far := w.pipe()
				ca, cb := w.config(ours, theirs), w.config(theirs, ours)
				w.streaming(taken)(ca)
				w.streaming(taken)(cb)
				b := w.spawn(cb, far, handshake.Responder, false)
				a := w.spawn(ca, near, handshake.Initiator, false)
				a.alive(open)
				b.alive(open)
				goOn := b.stallWriter()
				for range 2*urgentRun/10_000 + 1 {
					buf := newEnvelope(nil)
					buf.b = must(envelope.Msgpack.AppendSend(buf.b, "nobody", make([]byte, 10_000)))
					b.link.queue.force(buf, nil)
				}
				handler := "take"
				if act == nil {
					handler = "brief"
				}
				go func() {
					s, err := a.link.OpenStream(t.Context(), StreamCall{Name: handler, Window: testWindow})
					if err != nil {
						t.Errorf("OpenStream: %v", err)
					}
					begun <- s
				}()
				if act != nil {
					act(t, <-taken)
				}
				synctest.Wait()
				goOn()
				s := <-begun
				if s == nil {
					return
				}
				if most := s.Takes(); most != testWindow/2 {
					t.Errorf("the caller may send values of %d bytes, want %d", most, testWindow/2)
				}
				s.Abandon(errTest)
			})
		})
	}
}

// TestWhatComesBeforeTheFirstCreditEndsTheSession: a value and an end would leave the caller without a bound for its own values.
func TestWhatComesBeforeTheFirstCreditEndsTheSession(t *testing.T) {
	for name, plain := range map[string][]byte{"a value": aData(ofOurs(1), 5), "the end": anEnd(ofOurs(1))} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				e, r := w.openTo(envelope.Hello{Version: 2})
				failed := make(chan error, 1)
				go func() {
					_, err := e.link.OpenStream(t.Context(), StreamCall{Name: "x", Window: testWindow})
					failed <- err
				}()
				synctest.Wait()
				r.say(plain)
				if err := <-failed; !errors.Is(err, ErrLinkLost) {
					t.Errorf("OpenStream: %v", err)
				}
				r.hangUp()
				if m := e.ended(); m.Reason != envelope.ReasonProtocol || !errors.Is(m.Err, errBeforeCredit) {
					t.Errorf("ended %+v, want for %v", m, errBeforeCredit)
				}
			})
		})
	}
}

// TestStreamGivenUpBeforeItsCallLeftWasNotSent: another session may serve it.
func TestStreamGivenUpBeforeItsCallLeftWasNotSent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, _ := w.openTo(envelope.Hello{Version: 2})
		goOn := e.stallWriter()
		defer goOn()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := e.link.OpenStream(ctx, StreamCall{Name: "x", Args: make([]byte, 100_000), Window: testWindow})
		if a, ok := errors.AsType[*AbandonedError](err); !ok || a.Sent {
			t.Errorf("OpenStream: %v", err)
		}
	})
}
