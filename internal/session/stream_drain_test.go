package session

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// TestSessionThatDrainsSeesItsLastStreamEnd: what the stream still had to send is dropped before its end has the session look whether
// anything waits. Nothing else would have it look again.
func TestSessionThatDrainsSeesItsLastStreamEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e, r := w.openTo(envelope.Hello{Version: 2})
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
		e.tell(Close{Reason: envelope.ReasonRotated})
		synctest.Wait()
		r.say(aBye(envelope.ReasonRotated))
		goOn := e.stallWriter()
		if err := s.Send(t.Context(), "waits"); err != nil {
			t.Fatal(err)
		}
		waited := false
		s.mu.Lock()
		stop := s.stop
		s.stop = func() bool { // called while the end is recorded
			waited = !e.link.queue.isEmpty()
			return stop()
		}
		s.mu.Unlock()
		e.link.flight.takeCall(1).finish(result{}) // as the reader does: the actor hears of it by the last look alone
		if waited {
			t.Error("what waited to be sent is dropped only after the end was recorded")
		}
		goOn()
		began := time.Now()
		r.rest()
		r.hangUp()
		e.ended()
		if took := time.Since(began); took != 0 {
			t.Errorf("the session has ended after %v", took)
		}
	})
}
