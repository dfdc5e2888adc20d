package peernet_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = time.Minute

// startNode starts a node on loopback that is shut down with the test.
func startNode(tb testing.TB, c peernet.Config) *peernet.Node {
	tb.Helper()
	if c.Logger == nil && os.Getenv("PEERNET_TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	n, err := peernet.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	if err := n.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
	})
	return n
}

// pair makes two nodes trust each other, under their fingerprints as labels.
func pair(tb testing.TB, a, b *peernet.Node) {
	tb.Helper()
	if err := a.Pair(b.PublicKey(), b.PublicKey().Fingerprint()); err != nil {
		tb.Fatal(err)
	}
	if err := b.Pair(a.PublicKey(), a.PublicKey().Fingerprint()); err != nil {
		tb.Fatal(err)
	}
}

// connect makes a dial b, and waits until both can call.
func connect(tb testing.TB, a, b *peernet.Node) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := a.Connect(ctx, b.PublicKey(), b.Addrs()[0].String()); err != nil {
		tb.Fatal(err)
	}
	if _, err := b.Call(ctx, a.PublicKey(), "nothing", nil, peernet.WaitForReady()); !errors.Is(err, peernet.ErrNoHandler) {
		tb.Fatal(err)
	}
}

// pairOf returns two nodes that are connected.
func pairOf(tb testing.TB, ca, cb peernet.Config) (a, b *peernet.Node) {
	tb.Helper()
	a, b = startNode(tb, ca), startNode(tb, cb)
	pair(tb, a, b)
	connect(tb, a, b)
	return a, b
}

// await returns the first event of type E.
func await[E peernet.Event](tb testing.TB, events func(func(peernet.Event) bool)) (found E) {
	tb.Helper()
	for e := range events {
		if e, ok := e.(E); ok {
			return e
		}
	}
	tb.Fatalf("no %T came", found)
	return found
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

func handle(tb testing.TB, n *peernet.Node, name string, h peernet.Handler, opts ...peernet.HandleOption) {
	tb.Helper()
	if err := n.Handle(name, h, opts...); err != nil {
		tb.Fatal(err)
	}
}

func patiently(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// settledMemory returns the bytes of live heap and of stacks. It collects several times: a pool keeps what it holds for two
// collections, a stack halves at most once in each.
func settledMemory() float64 {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
