package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// A pushed is a push that may have to wait.
type pushed struct {
	done chan struct{}
	err  error
}

func goPush(ctx context.Context, q *queue, ln lane, n, size int, p *position) *pushed {
	w := &pushed{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = pushTo(ctx, q, ln, numbered(n, size), p)
	}()
	synctest.Wait()
	return w
}

// is says how far the push has come: "waits", "queued" or its error.
func (w *pushed) is() string {
	synctest.Wait()
	select {
	case <-w.done:
	default:
		return "waits"
	}
	if w.err != nil {
		return w.err.Error()
	}
	return "queued"
}

func wantPushed(t *testing.T, w *pushed, want string) {
	t.Helper()
	if got := w.is(); got != want {
		t.Errorf("the push %s, want %s", got, want)
	}
}

func TestRoomIsGivenInTheOrderOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		push(t, q, bulk, 0, 900)
		big := goPush(t.Context(), q, bulk, 1, 800, nil)
		small := goPush(t.Context(), q, bulk, 2, 50, nil) // would fit, but others were first
		last := goPush(t.Context(), q, bulk, 3, 400, nil)
		for _, w := range []*pushed{big, small, last} {
			wantPushed(t, w, "waits")
		}
		segments, _ := takeOnce(q, nil)
		wantPushed(t, big, "waits") // what is being written still takes its room
		q.release(segments)
		wantPushed(t, big, "queued")
		wantPushed(t, small, "queued")
		wantPushed(t, last, "waits")
		empty(t, q)
		wantPushed(t, last, "queued")
		empty(t, q)
		wantEmpty(t, q)
	})
}

func TestOneEnvelopeFitsAnEmptyLaneHoweverLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		push(t, q, bulk, 0, 50_000)
		next := goPush(t.Context(), q, bulk, 1, 60_000, nil)
		wantPushed(t, next, "waits")
		empty(t, q)
		wantPushed(t, next, "queued")
		empty(t, q)
		wantEmpty(t, q)
	})
}

func TestLanesHaveRoomOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		push(t, q, bulk, 0, 1000)
		push(t, q, urgent, 1, urgentRoom)
		small := goPush(t.Context(), q, urgent, 2, 8, nil)
		wantPushed(t, small, "waits")
		q.force(numbered(3, 8), nil) // waits for nothing
		empty(t, q)
		wantPushed(t, small, "queued")
		empty(t, q)
		wantEmpty(t, q)
	})
}

// TestCancelledWaiterLeavesAtOnce also looks at the one behind it, which needs less room.
func TestCancelledWaiterLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		push(t, q, bulk, 0, 600)
		ctx, cancel := context.WithCancel(t.Context())
		var p position
		big := goPush(ctx, q, bulk, 1, 500, &p)
		small := goPush(t.Context(), q, bulk, 2, 300, nil)
		wantPushed(t, big, "waits")
		wantPushed(t, small, "waits")
		cancel()
		wantPushed(t, big, (&AbandonedError{Err: context.Canceled, Full: 1000, Limit: limitName}).Error())
		wantPushed(t, small, "queued")
		if p.seq != 0 || q.isTaken(&p) {
			t.Error("a cancelled push has a position in the queue")
		}
		if got, want := numbers(t, empty(t, q)), []int{0, 2}; !slices.Equal(got, want) {
			t.Errorf("%v left, want %v", got, want)
		}
		wantEmpty(t, q)
	})
}

func TestDeadContextQueuesNothing(t *testing.T) {
	q := testQueue(1000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.pushSend(ctx, numbered(1, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("push: %v", err)
	}
	wantEmpty(t, q)
}

func TestClosingWakesAllWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(100)
		push(t, q, bulk, 0, 100)
		push(t, q, urgent, 1, urgentRoom)
		waiting := []*pushed{goPush(t.Context(), q, bulk, 2, 10, nil), goPush(t.Context(), q, urgent, 3, 10, nil)}
		answered := make(chan struct{})
		go func() {
			q.pushReply(numbered(4, 10))
			close(answered)
		}()
		synctest.Wait()
		q.finish(nil, errTest)
		for _, w := range waiting {
			wantPushed(t, w, errTest.Error())
		}
		<-answered
		if err := q.pushSend(t.Context(), numbered(5, 10)); err != errTest {
			t.Errorf("push after the end: %v", err)
		}
		q.pushReply(numbered(6, 10))
		q.force(numbered(7, 10), nil)
		q.pushPong([]byte("x"))
		q.halfClose(numbered(8, 10))
		q.finish(numbered(9, 10), errors.New("another end"))
		if !q.pushRefusal(numbered(10, 10)) {
			t.Error("a refusal after the end counts as one too many")
		}
		if segments, next := takeOnce(q, nil); next != ends || len(segments) != 0 {
			t.Errorf("%d segments after the end", len(segments))
		}
	})
}

// TestHalfClosedQueueStartsNothing holds wire.md §7.3, half-close step 1, in the queue: our bye follows all that was
// begun, nothing begins after it, and everything else goes on.
func TestHalfClosedQueueStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(1000)
		push(t, q, bulk, 0, 900)
		waiting := goPush(t.Context(), q, bulk, 1, 500, nil)
		answered := make(chan struct{})
		go func() {
			q.pushReply(numbered(2, 200))
			close(answered)
		}()
		behind := goPush(t.Context(), q, bulk, 3, 500, nil)
		q.halfClose(numbered(4, 50))
		wantPushed(t, waiting, errDraining.Error())
		wantPushed(t, behind, errDraining.Error())
		if err := q.pushSend(t.Context(), numbered(5, 10)); err != errDraining {
			t.Errorf("push after the bye: %v", err)
		}
		q.force(numbered(6, 10), nil) // a cancel
		q.halfClose(numbered(7, 10))  // a second bye is dropped
		got := numbers(t, empty(t, q))
		<-answered
		got = append(got, numbers(t, empty(t, q))...)
		if want := []int{2, 6, 0, 4}; !slices.Equal(got, want) {
			t.Errorf("%v left, want %v", got, want)
		}
		wantEmpty(t, q)
	})
}

// TestEnvelopeThatGotRoomLeavesBeforeTheBye gives a push its room, and half-closes the queue before the push can return.
func TestEnvelopeThatGotRoomLeavesBeforeTheBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := testQueue(100)
		push(t, q, bulk, 0, 100)
		w := goPush(t.Context(), q, bulk, 1, 80, nil)
		segments, _ := takeOnce(q, nil)
		q.mu.Lock() // the push cannot go on before the half-close
		for i := range segments {
			q.releaseTurn(&segments[i])
		}
		q.grant(q.sends.room)
		q.halfClosed = true
		q.bye = numbered(2, 10)
		q.sayBye()
		q.mu.Unlock()
		wantPushed(t, w, "queued")
		if got, want := numbers(t, empty(t, q)), []int{1, 2}; !slices.Equal(got, want) {
			t.Errorf("%v left, want %v", got, want)
		}
		wantEmpty(t, q)
	})
}
