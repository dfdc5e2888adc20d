package peernet

import (
	"context"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// WithTrace returns a context whose calls carry a W3C traceparent, in place of what ctx carries: their handlers find it with
// TraceOf. A handler's context carries its caller's already. What has not the shape of a traceparent is not sent: the
// context carries none then, as for "".
//
// Sends carry no trace (wire.md §6.5), and of W3C Trace Context the tracestate does not travel.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	if !envelope.ValidTrace(traceparent) {
		traceparent = ""
	}
	return context.WithValue(ctx, serve.TraceKey{}, &traceparent)
}

// TraceOf returns the traceparent that calls made with ctx carry, "" if there is none: what WithTrace was given, or in a
// handler what its caller sent. It has the right shape; the rest is a caller's word.
func TraceOf(ctx context.Context) string {
	if t, ok := ctx.Value(serve.TraceKey{}).(*string); ok {
		return *t
	}
	return ""
}
