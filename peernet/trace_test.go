package peernet_test

import (
	"context"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Examples of W3C Trace Context.
const (
	aTrace       = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	anotherTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func TestContextCarriesTheTraceItWasGiven(t *testing.T) {
	ctx := context.Background()
	for _, step := range []struct{ give, want string }{
		{aTrace, aTrace}, {anotherTrace, anotherTrace}, {"nonsense", ""}, {aTrace, aTrace}, {"", ""}, {aTrace + "\n", ""},
	} {
		ctx = peernet.WithTrace(ctx, step.give)
		inner, cancel := context.WithCancel(ctx)
		if got := peernet.TraceOf(inner); got != step.want {
			t.Errorf("given %q: carries %q", step.give, got)
		}
		cancel()
	}
	if got := peernet.TraceOf(context.Background()); got != "" {
		t.Errorf("the background carries %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { peernet.TraceOf(ctx) }); n != 0 {
		t.Errorf("%v allocations to look", n)
	}
}

// TestCallsCarryTheTraceOn has one node call another, whose handler calls the first with its own context.
func TestCallsCarryTheTraceOn(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	handle(t, a, "last", func(ctx context.Context, r *peernet.Request) (any, error) {
		if peernet.TraceOf(ctx) != r.Trace() {
			t.Errorf("the context has %q, the request %q", peernet.TraceOf(ctx), r.Trace())
		}
		return r.Trace(), nil
	})
	handle(t, b, "first", func(ctx context.Context, r *peernet.Request) (any, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return peernet.Call[string](ctx, b, a.PublicKey(), "last", nil)
	})
	for given, want := range map[string]string{"": "", aTrace: aTrace, "nonsense": ""} {
		got, err := peernet.Call[string](peernet.WithTrace(patiently(t), given), a, b.PublicKey(), "first", nil)
		if err != nil || got != want {
			t.Errorf("given %q: the last handler has %q, %v", given, got, err)
		}
	}
}
