package docs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/middleware"
)

// OutOfStock is the data of an error: what the caller learns besides the code.
type OutOfStock struct {
	Left int
	Next time.Time
}

func Example_errors() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	err := peernet.Handle(bob, "order", func(_ context.Context, from peernet.Caller, n int) (string, error) {
		switch {
		case n < 1:
			return "", fmt.Errorf("%w: how many?", peernet.ErrBadArgs) // a code that every program knows
		case n > 3:
			return "", peernet.NewError("out_of_stock", "we have only 3", OutOfStock{Left: 3}) // a code of this program's own
		}
		return "it is on its way", nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = peernet.Call[string](ctx, alice, bob.PublicKey(), "order", 0)
	fmt.Println(errors.Is(err, peernet.ErrBadArgs))

	_, err = peernet.Call[string](ctx, alice, bob.PublicKey(), "order", 10)
	var remote *peernet.RemoteError
	if errors.As(err, &remote) && remote.Code == "out_of_stock" {
		data, _ := peernet.ErrorData[OutOfStock](err)
		fmt.Println("left:", data.Left)
	}
	fmt.Println(err)
	// Output:
	// true
	// left: 3
	// call "order": remote error: out_of_stock: "we have only 3"
}

// Retry calls until there is an answer, trying again makes no sense, or ctx ends. It never repeats a request that may have
// been carried out, so it is safe for calls that must not happen twice.
func Retry[R any](ctx context.Context, call func(context.Context) (R, error)) (R, error) {
	for {
		result, err := call(ctx)
		wait, ok := peernet.RetryAfter(err)
		if !ok { // no error, or one that will not go away by itself
			return result, err
		}
		wait += rand.N(wait/2 + time.Millisecond) // so that not all refused callers come back at the same moment
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return result, err
		}
	}
}

func Example_retry() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	alice, bob, stop := couple()
	defer stop()

	busy := true
	err := peernet.Handle(bob, "work", func(context.Context, peernet.Caller, struct{}) (string, error) {
		if busy {
			busy = false
			return "", peernet.Overloaded("one moment", 10*time.Millisecond) // before it has begun
		}
		return "done", nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Retry(ctx, func(ctx context.Context) (string, error) {
		return peernet.Call[string](ctx, alice, bob.PublicKey(), "work", struct{}{}, peernet.WaitForReady())
	}))
	// Output: done <nil>
}

// Count calls add for each request, with the code of its error.
func Count(add func(handler string, code peernet.Code)) peernet.Middleware {
	return func(next peernet.Handler) peernet.Handler {
		return func(ctx context.Context, r *peernet.Request) (any, error) {
			result, err := next(ctx, r)
			add(r.Name(), peernet.CodeOf(err)) // empty: no error
			return result, err
		}
	}
}

func Example_middleware() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	var lines bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	counted := make(chan string, 10)
	bob.Use( // around all handlers, the first outermost
		Count(func(handler string, code peernet.Code) { counted <- fmt.Sprintf("%s %q", handler, code) }),
		middleware.Log(log, slog.LevelInfo), // logs no arguments and no results
		middleware.RateLimit(100, 200),      // for each peer: 100 a second, 200 at once
		middleware.Recover(log),
	)
	slow := peernet.Use(middleware.Timeout(20 * time.Millisecond)) // around one
	err := bob.Handle("slow", func(ctx context.Context, _ *peernet.Request) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, slow)
	if err != nil {
		fmt.Println(err)
		return
	}
	alice.UseOutgoing(middleware.TimeoutOutgoing(5 * time.Second)) // none of her calls waits for ever

	_, err = alice.Call(ctx, bob.PublicKey(), "slow", nil)
	fmt.Println(errors.Is(err, peernet.ErrDeadline))
	fmt.Println(<-counted)
	// Output:
	// true
	// slow "deadline"
}

func Example_manyPeers() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	alice, bob, stop := couple()
	defer stop()
	carol, stopCarol := start(peernet.Config{})
	defer stopCarol()
	introduce(alice, "alice", carol, "carol")

	for _, n := range []*peernet.Node{bob, carol} {
		err := peernet.Handle(n, "load", func(context.Context, peernet.Caller, struct{}) (float64, error) { return 0.5, nil })
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	// CallMany returns one outcome for each peer, in the order of the keys. When ctx ends it returns what it has.
	for _, o := range peernet.CallMany[float64](ctx, alice, alice.Connected(), "load", struct{}{}, peernet.AtOnce(8)) {
		peer, _ := alice.Peer(o.Peer)
		fmt.Println(peer.Label, o.Result, o.Err)
	}
	// CallEach yields outcomes as they come. Here the first one wins, and the other calls are cancelled.
	for o := range peernet.CallEach[float64](ctx, alice, alice.Connected(), "load", struct{}{}) {
		if o.Err == nil {
			fmt.Println("the first:", o.Result)
			break
		}
	}
	// Output:
	// bob 0.5 <nil>
	// carol 0.5 <nil>
	// the first: 0.5
}

func Example_stats() {
	ctx := context.Background()
	alice, bob, stop := couple()
	defer stop()

	for range 3 {
		if _, err := alice.Call(ctx, bob.PublicKey(), "nothing", nil); !errors.Is(err, peernet.ErrNoHandler) {
			fmt.Println(err)
			return
		}
	}
	s := alice.Stats()
	fmt.Println(s.Total.CallsOut.Ended(), s.Total.CallsOut.Errors["no_handler"])
	for _, p := range s.Peers {
		fmt.Println(p.Label, p.FramesOut > 3)
	}
	// Output:
	// 3 3
	// bob true
}
