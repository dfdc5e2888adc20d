package peernet_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// visitorSystem returns an actor system for visitors: one of its own for each would cost more memory than a flood.
func visitorSystem(tb testing.TB) *actor.ActorSystem {
	tb.Helper()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(10*time.Millisecond)) // a goroutine of the library's lives that long after one
	tb.Cleanup(system.Shutdown)
	return system
}

// handshakeDeadline is how long a node that says nothing else gives a handshake (wire.md §4).
const handshakeDeadline = 10 * time.Second

// visit starts a node that b does not know, lets it connect to b within one handshakeDeadline, call it and leave. It
// returns how long it took to connect, and with how many dials. Afterwards b's trust set is as before.
func visit(tb testing.TB, b *peernet.Node, system *actor.ActorSystem) (took time.Duration, dials int, err error) {
	tb.Helper()
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		return 0, 0, err
	}
	n, err := peernet.New(peernet.Config{Identity: keys, System: system})
	if err != nil {
		return 0, 0, err
	}
	if err := n.Start(tb.Context()); err != nil {
		return 0, 0, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, end := range []func() error{func() error { return n.Shutdown(ctx) }, func() error { return b.Unpair(keys.PublicKey()) }} {
			if e := end(); err == nil {
				err = e
			}
		}
	}()
	if err := n.Pair(b.PublicKey(), ""); err != nil {
		return 0, 0, err
	}
	if err := b.Pair(n.PublicKey(), ""); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(tb.Context(), handshakeDeadline)
	defer cancel()
	began := time.Now()
	for {
		dials++
		if err = n.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err == nil || ctx.Err() != nil {
			break
		}
	}
	took = time.Since(began)
	if err == nil {
		_, err = n.Call(ctx, b.PublicKey(), "echo", "hello")
	}
	return took, dials, err
}
