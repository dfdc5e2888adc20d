package middleware

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// RateLimit lets each peer make burst requests at once and limit a second in the long run. What is over that is answered
// `overloaded`, with the time after which there is room again, as peernet.RetryAfter tells the caller; a send over it is
// dropped. It panics unless both are positive.
//
// One RateLimit counts all that it is put around together: with Node.Use all requests of a peer; with peernet.Use and a
// RateLimit of its own, those for one handler. It remembers the peers that have not been silent long enough to be back at
// their full burst, and no others.
func RateLimit(limit rate.Limit, burst int) peernet.Middleware {
	b := newBuckets(limit, burst)
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			now := time.Now()
			place := b.reserve(r.Caller().Key, now)
			if wait := place.DelayFrom(now); wait > 0 {
				place.CancelAt(now)
				return nil, peernet.Overloaded(fmt.Sprintf("more than %v requests a second; try again in %v", float64(limit), ceil(wait)), wait)
			}
			return next(ctx, r)
		}
	}
}

// RateLimitOutgoing holds calls and sends back so that no peer gets more than burst of them at once and limit a second in
// the long run. One whose context would end before its turn fails at once with context.DeadlineExceeded, unsent. It panics
// unless both are positive. It remembers peers as RateLimit does.
func RateLimitOutgoing(limit rate.Limit, burst int) peernet.OutgoingMiddleware {
	b := newBuckets(limit, burst)
	return func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			if err := b.await(ctx, o.Peer); err != nil {
				return peernet.Raw{}, fmt.Errorf("%q has to wait for its turn, at %v a second: %w", o.Name, float64(limit), err)
			}
			return next(ctx, o)
		}
	}
}

// ceil rounds up to milliseconds.
func ceil(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// fewBuckets are never swept: they cost less than looking at them.
const fewBuckets = 64

// buckets is a limiter for each peer that may not be at its full burst. It is safe for concurrent use.
type buckets struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex // guards the rest
	of    map[identity.PublicKey]*rate.Limiter
	sweep int // at so many, those that are full are forgotten
}

func newBuckets(limit rate.Limit, burst int) *buckets {
	if !(limit > 0) || burst < 1 {
		panic(fmt.Sprintf("middleware: a rate of %v a second, %d at once", float64(limit), burst))
	}
	return &buckets{limit: limit, burst: burst, of: make(map[identity.PublicKey]*rate.Limiter), sweep: fewBuckets}
}

// reserve takes the peer's next place, now or later.
func (b *buckets) reserve(peer identity.PublicKey, now time.Time) *rate.Reservation {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of[peer]
	if l == nil {
		b.forget(now)
		l = rate.NewLimiter(b.limit, b.burst)
		b.of[peer] = l
	}
	return l.ReserveN(now, 1)
}

// forget drops the buckets that are full, when there are many: a new one would be as full. It is called with mu held.
func (b *buckets) forget(now time.Time) {
	if len(b.of) < b.sweep {
		return
	}
	for peer, l := range b.of {
		if l.TokensAt(now) >= float64(b.burst) {
			delete(b.of, peer)
		}
	}
	b.sweep = max(fewBuckets, 2*len(b.of)) // so that each new one pays for looking at two
}

// await returns when it is the peer's turn, or with the error of the context in which that will not be.
func (b *buckets) await(ctx context.Context, peer identity.PublicKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	place := b.reserve(peer, now)
	wait := place.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(now.Add(wait)) {
		place.CancelAt(now)
		return context.DeadlineExceeded
	}
	turn := make(chan struct{})
	defer time.AfterFunc(wait, func() { close(turn) }).Stop()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		place.Cancel()
		return ctx.Err()
	}
}
