package peernet_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// loadRate is how many calls a second run on the session that is live while a node is flooded.
const loadRate = 200

// A load is calls between two nodes that are connected, by turns in either direction.
type load struct {
	a, b *peernet.Node // both handle "echo"

	mu    sync.Mutex // guards the rest
	times []time.Duration
	errs  []error
}

// run makes calls until ctx ends, and returns when all are answered.
func (l *load) run(ctx context.Context) {
	const endless = int(time.Hour/time.Second) * loadRate
	payload := bytes.Repeat([]byte("payload "), 8)
	var all sync.WaitGroup
	paced(ctx, loadRate, endless, func(i int) {
		all.Go(func() {
			from, to := l.a, l.b
			if i%2 == 1 {
				from, to = to, from
			}
			// A context of its own: calls that are on their way when the load ends must succeed as well.
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			began := time.Now()
			got, err := peernet.Call[[]byte](ctx, from, to.PublicKey(), "echo", payload)
			took := time.Since(began)
			if err == nil && !bytes.Equal(got, payload) {
				err = fmt.Errorf("echo = %q", got)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			if err != nil {
				l.errs = append(l.errs, err)
			}
			l.times = append(l.times, took)
		})
	})
	all.Wait()
}

// String says how many calls were made and how long they took.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.times) == 0 {
		return "no calls"
	}
	slices.Sort(l.times)
	at := func(share float64) time.Duration {
		return l.times[int(share*float64(len(l.times)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d calls, %d failed, p50 %v, p99 %v, longest %v", len(l.times), len(l.errs), at(0.5), at(0.99), at(1))
}
