package otel

import (
	"context"
	"errors"

	api "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.21.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// tracerName names this package in its spans.
const tracerName = "github.com/seed-f6ddb928/peernet-go/peernet/otel"

// Attributes that this version of the semantic conventions lacks.
const (
	peerKey      = attribute.Key("peernet.peer")
	errorTypeKey = attribute.Key("error.type")
)

// An Option changes how middleware traces.
type Option func(*options)

type options struct{ provider trace.TracerProvider }

// WithTracerProvider says where spans go. Without it they go to the global provider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.provider = p } }

func newTracer(opts []Option) trace.Tracer {
	o := options{api.GetTracerProvider()}
	for _, f := range opts {
		f(&o)
	}
	return o.provider.Tracer(tracerName)
}

// start starts a span. Calls that are made with the context carry it.
func start(ctx context.Context, t trace.Tracer, kind trace.SpanKind, peer identity.PublicKey, name string) (context.Context, trace.Span) {
	ctx, span := t.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(
		semconv.RPCSystemKey.String("peernet"), semconv.RPCMethod(name), peerKey.String(peer.Fingerprint())))
	carrier := make(propagation.MapCarrier, 1)
	propagation.TraceContext{}.Inject(ctx, carrier)
	if parent := carrier[traceparent]; parent != "" {
		ctx = peernet.WithTrace(ctx, parent)
	}
	return ctx, span
}

const traceparent = "traceparent"

// withParent returns a context whose spans are children of a peer's span; ctx if parent is empty.
func withParent(ctx context.Context, parent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
}

// end ends a span. why is the reason if the request failed, else empty; isFault says whether the span's own side is at fault.
func end(span trace.Span, why string, isFault bool) {
	if why != "" {
		span.SetAttributes(errorTypeKey.String(why))
	}
	if why != "" && isFault {
		span.SetStatus(codes.Error, why)
	}
	span.End()
}

// otherError is what the semantic conventions call an error that has no name.
const otherError = "_OTHER"

// errorType returns the name of the error of a call: the code of the peer's answer, or of what ended the call here.
func errorType(err error) string {
	if e, ok := errors.AsType[*peernet.RemoteError](err); ok {
		return string(peernet.CodeOf(e))
	}
	if errors.Is(err, peernet.ErrTooLarge) {
		return string(peernet.CodeTooLarge)
	}
	if c := peernet.CodeOf(err); c != peernet.CodeFailed {
		return string(c)
	}
	return otherError
}
