package peernet_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

var streamHistories = flag.Int("streams", 20, "seeded histories of streams that race with whatever ends them")

// A history is what one seed does: streams of both directions that are cancelled, run into deadlines, half-close, or end by
// themselves, while sends and calls pass and the link is made anew.
type streamHistory struct {
	*star
	rng *rand.Rand

	mu    sync.Mutex // guards the rest
	began int        // handlers
	ended int
}

// relay sends back what it receives, in order, and checks that. Its argument is how many values it takes before it returns;
// below 0 it goes on until its caller's direction ends.
func (h *streamHistory) relay(ctx context.Context, _ peernet.Caller, most int, in *peernet.In[int], out *peernet.Out[int]) error {
	h.count(&h.began)
	defer h.count(&h.ended)
	for next := 0; next != most; next++ {
		n, err := in.Recv(ctx)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n != next:
			h.Errorf("the handler received %d, want %d", n, next)
		}
		if err := out.Send(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (h *streamHistory) count(n *int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*n++
}

// run is one stream of this history.
func (h *streamHistory) run(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	most := rng.IntN(400) - 100
	ctx, cancel := context.WithTimeout(h.Context(), time.Duration(rng.IntN(2000))*time.Millisecond)
	defer cancel()
	s, err := peernet.OpenStream[int, int](ctx, h.hub, h.keys[0], "relay", most)
	if err != nil {
		h.expected(err)
		return
	}
	sends := rng.IntN(300)
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < sends && err == nil; i++ {
			err = s.Send(ctx, i)
		}
		if err == nil {
			err = s.CloseSend(ctx)
		}
		sent <- err
	}()
	breaksOff := rng.IntN(600)
	next := 0
	for v, err := range s.All(ctx) {
		if err != nil {
			h.expected(err)
			break
		}
		if v != next {
			h.Errorf("received %d, want %d", v, next)
		}
		if next++; next == breaksOff {
			break
		}
	}
	if next < breaksOff {
		if err := s.Wait(ctx); err == nil { // what the reply acknowledged has come
			if want := sends; most < 0 && next != want || most >= 0 && next != min(most, want) {
				h.Errorf("%d values came, %d were sent to one that takes %d", next, sends, most)
			}
		}
	}
	s.Close()
	<-sent
}

// expected fails unless a stream may end so.
func (h *streamHistory) expected(err error) {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, peernet.ErrLinkLost) &&
		!errors.Is(err, peernet.ErrNotConnected) && !errors.Is(err, peernet.ErrCancelled) && !errors.Is(err, peernet.ErrDeadline) &&
		!errors.Is(err, peernet.ErrStreamOver) {
		h.Errorf("a stream ended with %v", err)
	}
}

// TestStreamsEndOnceAndLeaveNothing: each ends at both ends, its values arrive in order, and no credit, no queue and no goroutine is
// left. A seed repeats keys and times, not how goroutines take turns.
func TestStreamsEndOnceAndLeaveNothing(t *testing.T) {
	for seed := range uint64(*streamHistories) {
		starOf(t, 1, func(t *testing.T, s *star) {
			h := &streamHistory{star: s, rng: rand.New(rand.NewPCG(seed, 0))}
			if err := peernet.HandleDuplex(s.others[0], "relay", h.relay); err != nil {
				t.Fatal(err)
			}
			var join sync.WaitGroup
			for i := range uint64(8) {
				join.Go(func() { h.run(seed*100 + i) })
			}
			for range h.rng.IntN(3) {
				time.Sleep(time.Duration(h.rng.IntN(500)) * time.Millisecond)
				_ = s.hub.Connect(t.Context(), s.keys[0], s.others[0].Addrs()[0].String())
			}
			join.Wait()
			nothingLeft(t, s)
			if h.began != h.ended {
				t.Errorf("%d handlers began, %d ended", h.began, h.ended)
			}
			if t.Failed() {
				t.Fatalf("-streams: seed %d", seed)
			}
		})
	}
}
