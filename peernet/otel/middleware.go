package otel

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Middleware makes a span of each request that arrives: of kind server for a call, a child of the caller's span if the call
// brought one; of kind consumer for a send. The handler's context has the span, and its calls carry it on. The status is an
// error for `failed`, `internal` and `deadline`; the other codes are answers that a caller may have expected.
func Middleware(opts ...Option) peernet.Middleware {
	tracer := newTracer(opts)
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			kind := trace.SpanKindServer
			if r.IsSend() {
				kind = trace.SpanKindConsumer
			}
			ctx, span := start(withParent(ctx, r.Trace()), tracer, kind, r.Caller().Key, r.Name())
			code := peernet.CodeInternal // of a panic, which is not recovered here
			defer func() { end(span, string(code), isHandlersFault(code)) }()
			result, err := next(ctx, r)
			code = peernet.AnswerCode(ctx, err)
			return result, err
		}
	}
}

// isHandlersFault says whether a code tells of a fault of the handler.
func isHandlersFault(c peernet.Code) bool {
	return c == peernet.CodeFailed || c == peernet.CodeInternal || c == peernet.CodeDeadline
}

// OutgoingMiddleware makes a span of each call and send that goes out: of kind client for a call, which carries it to the
// peer; of kind producer for a send. It is a child of the span in the context, or else of the trace that the context carries
// for peernet.TraceOf. The status is an error whenever it failed.
func OutgoingMiddleware(opts ...Option) peernet.OutgoingMiddleware {
	tracer := newTracer(opts)
	return func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			kind := trace.SpanKindClient
			if o.IsSend {
				kind = trace.SpanKindProducer
			}
			if !trace.SpanContextFromContext(ctx).IsValid() {
				ctx = withParent(ctx, peernet.TraceOf(ctx))
			}
			ctx, span := start(ctx, tracer, kind, o.Peer, o.Name)
			why := string(peernet.CodeInternal)
			defer func() { end(span, why, true) }()
			result, err := next(ctx, o)
			if why = ""; err != nil {
				why = errorType(err)
			}
			return result, err
		}
	}
}
