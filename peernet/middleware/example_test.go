package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/middleware"
)

// All handlers of a node are logged, and none may take longer than ten seconds.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: without(slog.TimeKey, "peer", "took")}))
	bob.Use(middleware.Log(log, slog.LevelInfo), middleware.Timeout(10*time.Second))
	peernet.Handle(bob, "greet", func(_ context.Context, from peernet.Caller, greeting string) (string, error) {
		return fmt.Sprintf("%s, %s", greeting, from.Label), nil
	})

	alice.Call(ctx, bob.PublicKey(), "greet", "good morning")
	alice.Call(ctx, bob.PublicKey(), "greet", 42)
	// Output:
	// level=INFO msg=request kind=call name=greet code=ok args_bytes=13 result_bytes=19 label=Alice
	// level=INFO msg=request kind=call name=greet code=bad_args args_bytes=1 label=Alice
}

// A peer that asks too often is told when to come back.
func ExampleRateLimit() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	bob.Handle("search", func(context.Context, *peernet.Request) (any, error) { return "found", nil },
		peernet.Use(middleware.RateLimit(rate.Every(time.Hour), 2)))

	for range 3 {
		_, err := alice.Call(ctx, bob.PublicKey(), "search", nil)
		wait, retry := peernet.RetryAfter(err)
		fmt.Println(err == nil, errors.Is(err, peernet.ErrOverloaded), retry, wait)
	}
	// Output:
	// true false false 0s
	// true false false 0s
	// false true true 10m0s
}

// One call alone may have middleware of its own.
func ExampleTimeoutOutgoing() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)
	bob.Handle("sleep", func(ctx context.Context, _ *peernet.Request) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})

	_, err := alice.Call(ctx, bob.PublicKey(), "sleep", nil, peernet.UseOutgoing(middleware.TimeoutOutgoing(20*time.Millisecond)))
	fmt.Println(errors.Is(err, context.DeadlineExceeded), peernet.Sent(err))
	// Output: true true
}

// without leaves out what is different each time.
func without(keys ...string) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		for _, k := range keys {
			if a.Key == k {
				return slog.Attr{}
			}
		}
		return a
	}
}

// connected returns two nodes that are connected.
func connected(ctx context.Context) (alice, bob *peernet.Node) {
	alice, bob = started(ctx), started(ctx)
	alice.Pair(bob.PublicKey(), "Bob")
	bob.Pair(alice.PublicKey(), "Alice")
	if err := alice.Connect(ctx, bob.PublicKey(), bob.Addrs()[0].String()); err != nil {
		panic(err)
	}
	return alice, bob
}

func started(ctx context.Context) *peernet.Node {
	n, err := peernet.New(peernet.Config{})
	if err == nil {
		err = n.Start(ctx)
	}
	if err != nil {
		panic(err)
	}
	return n
}
