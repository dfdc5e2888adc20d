package docs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A Sum is the argument of the handler. Fields travel under their names; an end ignores those that it does not know.
type Sum struct {
	Terms []int64
	Scale int64
}

func Example_typedHandlers() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	err := peernet.Handle(bob, "sum", func(_ context.Context, from peernet.Caller, s Sum) (int64, error) {
		total := int64(0)
		for _, t := range s.Terms {
			total += t * s.Scale
		}
		return total, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	total, err := peernet.Call[int64](ctx, alice, bob.PublicKey(), "sum", Sum{Terms: []int64{1, 2, 3}, Scale: 10})
	fmt.Println(total, err)

	// Another type of argument gets bad_args, and the handler does not run.
	_, err = alice.Call(ctx, bob.PublicKey(), "sum", "one and two")
	fmt.Println(errors.Is(err, peernet.ErrBadArgs))
	// Output:
	// 60 <nil>
	// true
}

func Example_deadlines() {
	alice, bob, stop := couple()
	defer stop()

	stopped := make(chan error, 1)
	err := bob.Handle("wait", func(ctx context.Context, _ *peernet.Request) (any, error) {
		<-ctx.Done() // the caller gave up, its deadline passed, or the connection broke
		stopped <- ctx.Err()
		return nil, ctx.Err()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = alice.Call(ctx, bob.PublicKey(), "wait", nil)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), "sent:", peernet.Sent(err))
	fmt.Println((<-stopped) != nil)
	// Output:
	// true sent: true
	// true
}

func Example_authorize() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	// Decide by what this node knows: the key, or the label that it gave the key. Name is only what the peer says.
	admins := peernet.Authorize(func(_ context.Context, c peernet.Caller) bool { return c.Label == "admin" })
	err := bob.Handle("restart", func(context.Context, *peernet.Request) (any, error) { return "done", nil }, admins)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = alice.Call(ctx, bob.PublicKey(), "restart", nil)
	fmt.Println(errors.Is(err, peernet.ErrNoHandler)) // alice does not even learn that the handler exists

	if err := bob.Pair(alice.PublicKey(), "admin"); err != nil { // admins runs on every call, so this counts at once
		fmt.Println(err)
		return
	}
	answer, err := peernet.Call[string](ctx, alice, bob.PublicKey(), "restart", nil)
	fmt.Println(answer, err)
	// Output:
	// true
	// done <nil>
}
