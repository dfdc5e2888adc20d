package peernet

import (
	"context"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// WithTrace returns a context whose calls carry a W3C traceparent, in place of that of ctx: their handlers find it with
// TraceOf. A handler's context carries its caller's already. Text that has not the shape of a traceparent is not sent: the
// context carries none then, as for "".
//
// Sends carry no trace (wire.md §6.5), and of W3C Trace Context the tracestate does not travel.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	if !envelope.ValidTrace(traceparent) {
		traceparent = ""
	}
	return context.WithValue(ctx, serve.TraceKey{}, &traceparent)
}

// TraceOf returns the traceparent that calls made with ctx carry, "" if there is none: the one given to WithTrace, or in a
// handler the one that its caller sent. It has the right shape; its content is untrusted.
func TraceOf(ctx context.Context) string {
	if t, ok := ctx.Value(serve.TraceKey{}).(*string); ok {
		return *t
	}
	return ""
}
