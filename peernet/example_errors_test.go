package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A handler answers with a code of its own, and data that tells programs more.
func ExampleNewError() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	const soldOut peernet.Code = "sold_out"
	type stock struct{ Left int }
	peernet.Handle(bob, "buy", func(_ context.Context, _ peernet.Caller, n int) (string, error) {
		if n > 2 {
			return "", peernet.NewError(soldOut, "not that many are left", stock{2})
		}
		return "bought", nil
	})

	_, err := peernet.Call[string](ctx, alice, bob.PublicKey(), "buy", 3)
	if errors.Is(err, &peernet.RemoteError{Code: soldOut}) {
		s, _ := peernet.ErrorData[stock](err)
		fmt.Println(err, s.Left, peernet.Retryable(err))
	}
	// Output: call "buy": remote error: sold_out: "not that many are left" 2 false
}

// An error says whether trying again makes sense, and when.
func ExampleRetryAfter() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	busy := true
	bob.Handle("work", func(context.Context, *peernet.Request) (any, error) {
		if busy {
			busy = false
			return nil, peernet.Overloaded("one at a time", 20*time.Millisecond)
		}
		return "done", nil
	})
	for {
		result, err := peernet.Call[string](ctx, alice, bob.PublicKey(), "work", nil)
		wait, again := peernet.RetryAfter(err)
		fmt.Println(result, err, wait)
		if !again {
			return
		}
		time.Sleep(wait)
	}
	// Output:
	// call "work": remote error: overloaded: "one at a time" 20ms
	// done <nil> 0s
}

// Middleware is around every handler of a node.
func ExampleNode_Use() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	bob.Use(func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			result, err := next(ctx, r)
			fmt.Println(r.Caller().Label, "asked for", r.Name(), "and got", err)
			return result, err
		}
	})
	bob.Handle("time", func(context.Context, *peernet.Request) (any, error) { return time.Now(), nil })

	alice.Call(ctx, bob.PublicKey(), "time", nil)
	// Output: Alice asked for time and got <nil>
}

// Middleware may make a call again that was not carried out.
func ExampleNode_UseOutgoing() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice, bob := connected(ctx)
	defer alice.Shutdown(ctx)
	defer bob.Shutdown(ctx)

	alice.UseOutgoing(func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			for {
				result, err := next(ctx, o)
				wait, again := peernet.RetryAfter(err)
				if !again {
					return result, err
				}
				fmt.Println("again in", wait)
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return result, err
				}
			}
		}
	})
	asked := 0
	bob.Handle("work", func(context.Context, *peernet.Request) (any, error) {
		if asked++; asked < 3 {
			return nil, peernet.Overloaded("not yet", time.Millisecond)
		}
		return "done", nil
	})

	fmt.Println(peernet.Call[string](ctx, alice, bob.PublicKey(), "work", nil))
	// Output:
	// again in 1ms
	// again in 1ms
	// done <nil>
}
