package middleware

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// RateLimit lets each peer make burst requests at once and limit a second in the long run. Further calls are answered
// `overloaded`, with the time after which there is room again, as peernet.RetryAfter tells the caller; further sends are
// dropped. It panics unless both are positive.
//
// One RateLimit counts everything that it is put around together: with Node.Use all requests of a peer; with peernet.Use and a
// RateLimit of its own, those for one handler. It remembers only peers that are not yet back at their full burst.
//
// All guests (peernet.Guests) share one burst and one rate, because a key costs a guest nothing. So guests can use up what is there
// for guests, and nothing of what peers have.
func RateLimit(limit rate.Limit, burst int) peernet.Middleware {
	b := newBuckets(limit, burst)
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			if wait := b.ask(holderOf(r.Caller())); wait > 0 {
				return nil, peernet.Overloaded(fmt.Sprintf("more than %v requests a second; try again in %v", float64(limit), ceil(wait)), wait)
			}
			return next(ctx, r)
		}
	}
}

// holderOf returns the key that a caller's requests are counted for, zero for all guests.
func holderOf(c peernet.Caller) identity.PublicKey {
	if c.Guest {
		return identity.PublicKey{}
	}
	return c.Key
}

// RateLimitOutgoing holds calls and sends back so that no peer gets more than burst of them at once and limit a second in
// the long run, in the order in which they are made. A call whose context would end before its turn fails at once with
// context.DeadlineExceeded, unsent; a caller that gives up makes way for those behind it. It panics unless both are positive. It
// remembers peers as RateLimit does. Calls as a guest that expect no key share one burst and one rate.
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
	if rest := d % time.Millisecond; rest > 0 && d < math.MaxInt64-time.Millisecond {
		d += time.Millisecond - rest
	}
	return d
}
