package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Timeout ends the context of a request after d, if the caller's own deadline has not ended it by then, and has a call
// answered `deadline` at that moment, even if its handler ignores its context. It panics unless d is positive.
//
// It leaves streams alone, which may last for days: see TimeoutStreams.
//
// A handler cannot be stopped from outside. One that runs on counts towards the calls that the peer may have running
// (Limits.CallsPerPeer) until it returns, and its result goes nowhere: a peer that does not wait cannot pile up
// handlers. Middleware outside of Timeout sees the request end when the handler does.
func Timeout(d time.Duration) peernet.Middleware { return timeout(d, false) }

// TimeoutStreams is Timeout for streams alone, net.Conns of Node.Listen included: one that is not over after d ends with `deadline`,
// however busy it is. What was sent by then still reaches the caller. It panics unless d is positive.
func TimeoutStreams(d time.Duration) peernet.Middleware { return timeout(d, true) }

// timeout bounds streams, or what is none.
func timeout(d time.Duration, streams bool) peernet.Middleware {
	checkPositive(d)
	late := peernet.NewError(peernet.CodeDeadline, fmt.Sprintf("the handler took longer than the %v it has", d), nil)
	return func(next peernet.Handler) peernet.Handler {
		return func(outer context.Context, r *peernet.Request) (any, error) {
			if r.IsStream() != streams {
				return next(outer, r)
			}
			ctx, cancel := context.WithTimeout(outer, d)
			defer cancel()
			over := make(chan struct{})
			stop := context.AfterFunc(ctx, func() {
				defer close(over)
				switch {
				case !errors.Is(ctx.Err(), context.DeadlineExceeded):
				case outer.Err() != nil:
					r.Fail(peernet.ErrDeadline) // the caller's came first
				default:
					r.Fail(late)
				}
			})
			defer func() {
				if !stop() {
					<-over // the request must not outlive its answer
				}
			}()
			result, err := next(ctx, r)
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, late
			}
			return result, err
		}
	}
}

// TimeoutOutgoing ends the context of a call or send after d, if it has not ended by then; the peer learns of it as of any
// deadline. A send needs the time only to find room in the queue. It leaves streams alone: see TimeoutStreamsOutgoing. It panics
// unless d is positive.
func TimeoutOutgoing(d time.Duration) peernet.OutgoingMiddleware { return timeoutOutgoing(d, false) }

// TimeoutStreamsOutgoing is TimeoutOutgoing for streams alone: one that is not over after d ends, however busy it is. Of a net.Conn of
// Node.Dial, which outlives its context, it bounds the dial alone. It panics unless d is positive.
func TimeoutStreamsOutgoing(d time.Duration) peernet.OutgoingMiddleware {
	return timeoutOutgoing(d, true)
}

// timeoutOutgoing bounds streams, or what is none.
func timeoutOutgoing(d time.Duration, streams bool) peernet.OutgoingMiddleware {
	checkPositive(d)
	return func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			if o.IsStream != streams {
				return next(ctx, o)
			}
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return next(ctx, o)
		}
	}
}

func checkPositive(d time.Duration) {
	if d <= 0 {
		panic(fmt.Sprintf("middleware: a timeout of %v: it must be positive", d))
	}
}
