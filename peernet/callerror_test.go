package peernet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestErrorOfAHandlersOwnCallIsFailed has alice call bob, whose handler calls her back: her answer must not pass for the answer of bob's handler.
func TestErrorOfAHandlersOwnCallIsFailed(t *testing.T) {
	alice, bob := pairOf(t, peernet.Config{}, peernet.Config{})
	key := alice.PublicKey()
	handle(t, alice, "busy", func(context.Context, *peernet.Request) (any, error) { return nil, peernet.Overloaded("not now", 0) })
	handle(t, alice, "echo", echo)
	for name, c := range map[string]struct {
		handler func(ctx context.Context) error
		want    peernet.Code
	}{
		"returned": {func(ctx context.Context) error { return second(bob.Call(ctx, key, "busy", nil)) }, "failed"},
		"wrapped": {func(ctx context.Context) error {
			return errors.Join(errors.New("x"), second(bob.Call(ctx, key, "busy", nil)))
		}, "failed"},
		"typed":           {func(ctx context.Context) error { return second(peernet.Call[int](ctx, bob, key, "busy", nil)) }, "failed"},
		"no int":          {func(ctx context.Context) error { return second(peernet.Call[int](ctx, bob, key, "echo", "one")) }, "failed"},
		"no such handler": {func(ctx context.Context) error { return second(bob.Call(ctx, key, "nothing", nil)) }, "failed"},
		"of many": {func(ctx context.Context) error {
			return peernet.CallMany[int](ctx, bob, bob.Connected(), "busy", nil)[0].Err
		}, "failed"},
		"too large": {func(ctx context.Context) error { return bob.Send(ctx, key, "echo", make([]byte, 2<<20)) }, "failed"},
		"out of time": {func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return second(bob.Call(ctx, key, "busy", nil))
		}, "failed"},
		"handed on": {func(ctx context.Context) error {
			var answer *peernet.RemoteError
			errors.As(second(bob.Call(ctx, key, "busy", nil)), &answer)
			return answer
		}, "overloaded"},
		"not its own": {func(context.Context) error { return peernet.ErrForbidden }, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			handle(t, bob, "ask", func(ctx context.Context, _ *peernet.Request) (any, error) { return nil, c.handler(ctx) })
			defer bob.Unhandle("ask")
			_, err := alice.Call(patiently(t), bob.PublicKey(), "ask", nil)
			if got := peernet.CodeOf(err); got != c.want || !peernet.Sent(err) || peernet.Retryable(err) != (c.want == "overloaded") {
				t.Errorf("%v: %s, sent %v, retryable %v; want %s", err, got, peernet.Sent(err), peernet.Retryable(err), c.want)
			}
		})
	}
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }
