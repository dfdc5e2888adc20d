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

// tracerName is what the spans say made them.
const tracerName = "github.com/seed-f6ddb928/peernet-go/peernet/otel"

// Attributes that the semantic conventions of this version have not.
const (
	peerKey      = attribute.Key("peernet.peer")
	errorTypeKey = attribute.Key("error.type")
)

// An Option changes how middleware traces.
type Option func(*options)

type options struct{ provider trace.TracerProvider }

// WithTracerProvider says where spans go. Without it, to the global provider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.provider = p } }

func newTracer(opts []Option) trace.Tracer {
	o := options{api.GetTracerProvider()}
	for _, f := range opts {
		f(&o)
	}
	return o.provider.Tracer(tracerName)
}

// start starts a span, and has the calls that are made with ctx carry it.
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

// under returns a context whose spans are children of a peer's.
func under(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
}

// fail takes down why a span failed; broken says whether that is an error of the side whose span it is.
func fail(span trace.Span, why string, broken bool) {
	span.SetAttributes(errorTypeKey.String(why))
	if broken {
		span.SetStatus(codes.Error, why)
	}
}

// otherError is what the semantic conventions call an error that has no name.
const otherError = "_OTHER"

// errorType returns the name of what became of a call: the code of the peer's answer, or of what ended it here.
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
