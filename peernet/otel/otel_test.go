package otel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/otel"
)

// one returns the only span of that kind and name.
func one(t *testing.T, spans *tracetest.SpanRecorder, kind trace.SpanKind, name string) sdk.ReadOnlySpan {
	t.Helper()
	var found []sdk.ReadOnlySpan
	for _, s := range spans.Ended() {
		if s.SpanKind() == kind && s.Name() == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans of kind %v named %q", len(found), kind, name)
	}
	return found[0]
}

// follows fails the test unless span is a child of parent.
func follows(t *testing.T, span, parent sdk.ReadOnlySpan) {
	t.Helper()
	if span.SpanContext().TraceID() != parent.SpanContext().TraceID() || span.Parent().SpanID() != parent.SpanContext().SpanID() {
		t.Errorf("%v %q is no child of %v %q", span.SpanKind(), span.Name(), parent.SpanKind(), parent.Name())
	}
}

func TestCallAcrossThreeNodesIsOneTrace(t *testing.T) {
	a, spansA := traced(t)
	b, spansB := traced(t)
	c, spansC := traced(t)
	join(t, a, b)
	join(t, b, c)
	handle(t, c, "last", echo)
	handle(t, b, "first", func(ctx context.Context, r *peernet.Request) (any, error) {
		return b.Call(ctx, c.PublicKey(), "last", r.Args())
	})
	if got, err := peernet.Call[int](patiently(t), a, b.PublicKey(), "first", 7); err != nil || got != 7 {
		t.Fatal(got, err)
	}
	called, handled := one(t, spansA, trace.SpanKindClient, "first"), one(t, spansB, trace.SpanKindServer, "first")
	calledOn, handledLast := one(t, spansB, trace.SpanKindClient, "last"), one(t, spansC, trace.SpanKindServer, "last")
	if called.Parent().IsValid() {
		t.Error("the first span has a parent")
	}
	follows(t, handled, called)
	follows(t, calledOn, handled)
	follows(t, handledLast, calledOn)
	if !handled.Parent().IsRemote() || calledOn.Parent().IsRemote() {
		t.Error("remote parents are not told from local ones")
	}
	for _, test := range []struct {
		span sdk.ReadOnlySpan
		peer *peernet.Node
	}{{called, b}, {handled, a}, {calledOn, c}, {handledLast, b}} {
		want := attribute.NewSet(attribute.String("rpc.system", "peernet"), attribute.String("rpc.method", test.span.Name()),
			attribute.String("peernet.peer", test.peer.PublicKey().Fingerprint()))
		if got := attribute.NewSet(test.span.Attributes()...); !got.Equals(&want) {
			t.Errorf("attributes %v", test.span.Attributes())
		}
		if test.span.Status().Code != codes.Unset || len(test.span.Events()) != 0 {
			t.Errorf("status %v, events %v", test.span.Status(), test.span.Events())
		}
	}
}

func TestHandlersCallCarriesTheHandlersSpanWithoutOutgoingMiddleware(t *testing.T) {
	a, spansA := traced(t)
	b := start(t)
	spansB := tracetest.NewSpanRecorder()
	b.Use(otel.Middleware(otel.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(spansB)))))
	join(t, a, b)
	handle(t, a, "last", echo)
	handle(t, b, "first", func(ctx context.Context, r *peernet.Request) (any, error) {
		return b.Call(ctx, a.PublicKey(), "last", r.Args())
	})
	if _, err := a.Call(patiently(t), b.PublicKey(), "first", nil); err != nil {
		t.Fatal(err)
	}
	follows(t, one(t, spansA, trace.SpanKindServer, "last"), one(t, spansB, trace.SpanKindServer, "first"))
}

func TestTraceOfTheContextIsTheParentWhereThereIsNoSpan(t *testing.T) {
	a, spansA := traced(t)
	b, spansB := traced(t)
	join(t, a, b)
	handle(t, b, "echo", echo)
	const outer = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if _, err := a.Call(peernet.WithTrace(patiently(t), outer), b.PublicKey(), "echo", nil); err != nil {
		t.Fatal(err)
	}
	called := one(t, spansA, trace.SpanKindClient, "echo")
	if p := called.Parent(); p.TraceID().String() != outer[3:35] || p.SpanID().String() != outer[36:52] {
		t.Errorf("parent %v", p)
	}
	follows(t, one(t, spansB, trace.SpanKindServer, "echo"), called)
}

func TestWithoutAProviderTheTraceIsHandedOn(t *testing.T) {
	a, b := start(t), start(t)
	nothing := otel.WithTracerProvider(noop.NewTracerProvider())
	a.UseOutgoing(otel.OutgoingMiddleware(nothing))
	b.Use(otel.Middleware(nothing))
	join(t, a, b)
	handle(t, b, "trace", func(ctx context.Context, r *peernet.Request) (any, error) {
		return r.Trace() + peernet.TraceOf(ctx), nil
	})
	const outer = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, want := range []string{outer, ""} {
		got, err := peernet.Call[string](peernet.WithTrace(patiently(t), want), a, b.PublicKey(), "trace", nil)
		if err != nil || got != want+want {
			t.Errorf("the handler has %q, %v; want %q", got, err, want)
		}
	}
}

func TestSendsHaveSpansOfTheirOwn(t *testing.T) {
	a, spansA := traced(t)
	b, spansB := traced(t)
	join(t, a, b)
	handle(t, b, "note", echo)
	done := make(chan struct{})
	handle(t, b, "after", func(context.Context, *peernet.Request) (any, error) { close(done); return nil, nil })
	ctx := patiently(t)
	for _, name := range []string{"note", "after"} { // in order, so when the second is handled the first is done
		if err := a.Send(ctx, b.PublicKey(), name, nil); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	sent, handled := one(t, spansA, trace.SpanKindProducer, "note"), one(t, spansB, trace.SpanKindConsumer, "note")
	if handled.Parent().IsValid() || handled.SpanContext().TraceID() == sent.SpanContext().TraceID() {
		t.Error("a send has carried a trace")
	}
}

func TestFailuresAreToldByTheirCodesAlone(t *testing.T) {
	a, spansA := traced(t)
	b, spansB := traced(t)
	join(t, a, b)
	answers := map[string]error{
		"failed": errors.New("secret"), "late": context.DeadlineExceeded, "forbidden": fmt.Errorf("secret: %w", peernet.ErrForbidden), "sold_out": peernet.NewError("sold_out", "secret", "secret"),
	}
	for name, err := range answers {
		handle(t, b, name, func(context.Context, *peernet.Request) (any, error) { return nil, err })
	}
	handle(t, b, "panic", func(context.Context, *peernet.Request) (any, error) { panic("secret") })
	giveUp := make(chan func(), 1)
	handle(t, b, "given up", func(ctx context.Context, _ *peernet.Request) (any, error) {
		(<-giveUp)()
		<-ctx.Done()
		return 7, nil
	})
	handlers := b.Handlers()
	cases := []struct {
		name, errorType string
		args            any
		broken          bool // the handler
	}{
		{"failed", "failed", nil, true},
		{"forbidden", "forbidden", nil, false},
		{"sold_out", "sold_out", nil, false},
		{"panic", "internal", nil, true},
		{"late", "failed", nil, true}, // not the deadline of the call
		{"given up", "cancelled", nil, false},
		{"nobody", "no_handler", nil, false},
		{"too large", "too_large", make([]byte, 2<<20), false},
		{"not encodable", "_OTHER", make(chan int), false},
	}
	for _, c := range cases {
		ctx, cancel := context.WithCancel(patiently(t))
		if c.name == "given up" {
			giveUp <- cancel
		}
		_, _ = a.Call(ctx, b.PublicKey(), c.name, c.args)
		cancel()
	}
	if err := b.Shutdown(patiently(t)); err != nil { // which waits for the handler whose caller has given up
		t.Fatal(err)
	}
	for _, c := range cases {
		called := one(t, spansA, trace.SpanKindClient, c.name)
		if s := called.Status(); s.Code != codes.Error || s.Description != c.errorType || !has(called, c.errorType) {
			t.Errorf("%s: the caller's span has %v %v", c.name, s, called.Attributes())
		}
		if !slices.Contains(handlers, c.name) {
			continue
		}
		want := codes.Unset
		if c.broken {
			want = codes.Error
		}
		handled := one(t, spansB, trace.SpanKindServer, c.name)
		if s := handled.Status(); s.Code != want || !has(handled, c.errorType) {
			t.Errorf("%s: the handler's span has %v %v", c.name, s, handled.Attributes())
		}
		for _, s := range []sdk.ReadOnlySpan{called, handled} {
			if strings.Contains(fmt.Sprint(s.Attributes(), s.Status(), s.Events()), "secret") {
				t.Errorf("%s: a span has words of an error", c.name)
			}
		}
	}
}

func has(s sdk.ReadOnlySpan, errorType string) bool {
	return slices.Contains(s.Attributes(), attribute.String("error.type", errorType))
}
