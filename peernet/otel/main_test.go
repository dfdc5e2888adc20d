package otel_test

import (
	"context"
	"errors"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/otel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = time.Minute

// traced starts a node whose requests and calls are recorded, until the test ends.
func traced(t *testing.T) (*peernet.Node, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := otel.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)))
	n := start(t)
	n.Use(otel.Middleware(provider))
	n.UseOutgoing(otel.OutgoingMiddleware(provider))
	return n, spans
}

func start(t *testing.T) *peernet.Node {
	t.Helper()
	n, err := peernet.New(peernet.Config{})
	if err == nil {
		err = n.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

// join has a dial b, and waits until both can call.
func join(t *testing.T, a, b *peernet.Node) {
	t.Helper()
	if err := a.Pair(b.PublicKey(), ""); err != nil {
		t.Fatal(err)
	}
	if err := b.Pair(a.PublicKey(), ""); err != nil {
		t.Fatal(err)
	}
	ctx := patiently(t)
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Call(ctx, a.PublicKey(), "ready?", nil, peernet.WaitForReady()); !errors.Is(err, peernet.ErrNoHandler) {
		t.Fatal(err)
	}
}

func handle(t *testing.T, n *peernet.Node, name string, h peernet.Handler) {
	t.Helper()
	if err := n.Handle(name, h); err != nil {
		t.Fatal(err)
	}
}

func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }
