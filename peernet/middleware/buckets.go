package middleware

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// fewBuckets is how many buckets are never swept: they cost less than a look at them.
const fewBuckets = 64

// buckets has a bucket of tokens for each peer that may not be at its full burst. It is safe for concurrent use.
type buckets struct {
	limit rate.Limit
	burst int
	now   func() time.Time

	mu    sync.Mutex // guards the rest
	of    map[identity.PublicKey]*bucket
	sweep int // at this number, full buckets are forgotten
}

// A bucket has the tokens of one peer. Only the caller at the head reserves a token ahead of its time: a reservation that is
// given up would be lost to those that were made after it.
type bucket struct {
	tokens  *rate.Limiter
	waiting int           // callers that await a token, the head included; guarded by buckets.mu
	head    chan struct{} // has room for the caller whose turn is next; the others wait for room
}

func newBuckets(limit rate.Limit, burst int) *buckets {
	if !(limit > 0) || burst < 1 {
		panic(fmt.Sprintf("middleware: a rate of %v a second, %d at once: both must be positive", float64(limit), burst))
	}
	return &buckets{limit: limit, burst: burst, now: time.Now, of: make(map[identity.PublicKey]*bucket), sweep: fewBuckets}
}

// ask takes a token of the peer, or returns how long it will be until there is one.
func (b *buckets) ask(peer identity.PublicKey) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	l := b.bucket(peer, now)
	if l.tokens.AllowN(now, 1) {
		return 0
	}
	return b.untilTurn(l, now)
}

// await takes a token of the peer when it is the caller's turn. It returns an error if the context ends, or would end, before
// that.
func (b *buckets) await(ctx context.Context, peer identity.PublicKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	now := b.now()
	l := b.bucket(peer, now)
	wait := b.untilTurn(l, now)
	l.waiting++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		l.waiting--
	}()
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(now.Add(wait)) {
		return context.DeadlineExceeded
	}
	select {
	case l.head <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.head }()
	if l.tokens.Wait(ctx) != nil {
		return cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	return nil
}

// The rest is called with mu held.

// bucket returns the bucket of a peer. A new one is full.
func (b *buckets) bucket(peer identity.PublicKey, now time.Time) *bucket {
	l := b.of[peer]
	if l == nil {
		b.forget(now)
		l = &bucket{tokens: rate.NewLimiter(b.limit, b.burst), head: make(chan struct{}, 1)}
		b.of[peer] = l
	}
	return l
}

// untilTurn returns how long it will be until there is a token for one more caller. The caller at the head has one already, perhaps
// ahead of its time; the other waiting callers come before.
func (b *buckets) untilTurn(l *bucket, now time.Time) time.Duration {
	missing := float64(l.waiting-len(l.head)+1) - l.tokens.TokensAt(now)
	wait := missing / float64(b.limit) * float64(time.Second)
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(1, time.Duration(wait))
}

// forget drops full buckets without waiters, when there are many: a new bucket would be as full.
func (b *buckets) forget(now time.Time) {
	if len(b.of) < b.sweep {
		return
	}
	for peer, l := range b.of {
		if l.waiting == 0 && l.tokens.TokensAt(now) >= float64(b.burst) {
			delete(b.of, peer)
		}
	}
	b.sweep = max(fewBuckets, 2*len(b.of)) // so that each new bucket pays for a look at two
}
