package otel_test

import (
	"context"
	"fmt"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/otel"
)

// Two nodes of one process, whose spans go to the same place: a program would have an exporter there.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	spans := tracetest.NewSpanRecorder()
	to := otel.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)))

	var nodes [2]*peernet.Node
	for i := range nodes {
		n, err := peernet.New(peernet.Config{})
		if err != nil || n.Start(ctx) != nil {
			return
		}
		defer n.Shutdown(ctx)
		n.Use(otel.Middleware(to))
		n.UseOutgoing(otel.OutgoingMiddleware(to))
		nodes[i] = n
	}
	alice, bob := nodes[0], nodes[1]
	alice.Pair(bob.PublicKey(), "Bob")
	bob.Pair(alice.PublicKey(), "Alice")
	peernet.Handle(bob, "greet", func(_ context.Context, from peernet.Caller, greeting string) (string, error) {
		return greeting + ", " + from.Label, nil
	})
	if err := alice.Connect(ctx, bob.PublicKey(), bob.Addrs()[0].String()); err != nil {
		fmt.Println(err)
		return
	}

	alice.Call(ctx, bob.PublicKey(), "greet", "good morning")
	handled, called := spans.Ended()[0], spans.Ended()[1]
	fmt.Println(called.SpanKind(), called.Name(), handled.SpanKind(), handled.Name())
	fmt.Println("parent and child:", handled.Parent().SpanID() == called.SpanContext().SpanID())
	// Output:
	// client greet server greet
	// parent and child: true
}
