package middleware

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Recover makes an error of a panic: `internal`, with the number of an incident under which the log tells what happened, and
// where. The node does as much around all middleware by itself; Recover is for middleware outside of it, which then
// sees an error and can log or count it. A handler that ends its goroutine is left to the node. A nil log is silence.
func Recover(log *slog.Logger) peernet.Middleware {
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (result any, err error) {
			defer func() {
				if p := recover(); p != nil {
					id := incident(ctx, log, "handler panicked", r.Caller().Key, r.Name(), p)
					result, err = nil, peernet.NewError(peernet.CodeInternal, "incident "+id, nil)
				}
			}()
			return next(ctx, r)
		}
	}
}

// RecoverOutgoing makes a *PanicError of a panic in the outgoing middleware inside of it, or in the encoding of arguments.
// A nil log is silence.
func RecoverOutgoing(log *slog.Logger) peernet.OutgoingMiddleware {
	return func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (result peernet.Raw, err error) {
			peer, name := o.Peer, o.Name
			defer func() {
				if p := recover(); p != nil {
					result, err = peernet.Raw{}, &PanicError{incident(ctx, log, "call panicked", peer, name, p)}
				}
			}()
			return next(ctx, o)
		}
	}
}

// A PanicError says that a call or send of this node panicked on its way. It is a peernet.ErrInternal, and no answer of the
// peer.
type PanicError struct {
	Incident string // the number under which the log tells more
}

// Error implements error.
func (e *PanicError) Error() string { return "a call panicked on its way: incident " + e.Incident }

// Unwrap makes a PanicError a peernet.ErrInternal.
func (e *PanicError) Unwrap() error { return peernet.ErrInternal }

// RequestSent tells peernet.Sent that the request may have been sent before the panic.
func (e *PanicError) RequestSent() bool { return true }

// incident logs a panic with its stack and returns the number that it has in the log.
func incident(ctx context.Context, log *slog.Logger, what string, peer identity.PublicKey, name string, p any) string {
	id := fmt.Sprintf("%08x", rand.Uint32())
	if log != nil {
		log.LogAttrs(ctx, slog.LevelError, what, slog.String("name", name), slog.Any("peer", peer),
			slog.String("incident", id), slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
	}
	return id
}
