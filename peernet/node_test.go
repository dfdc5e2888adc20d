package peernet_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// startNode starts a node on loopback that is shut down with the test.
func startNode(tb testing.TB, c peernet.Config) *peernet.Node {
	tb.Helper()
	if c.Logger == nil && testing.Verbose() {
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
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
	})
	return n
}

// pair makes two nodes trust each other.
func pair(tb testing.TB, a, b *peernet.Node) {
	tb.Helper()
	if err := a.Pair(b.PublicKey(), "b"); err != nil {
		tb.Fatal(err)
	}
	if err := b.Pair(a.PublicKey(), "a"); err != nil {
		tb.Fatal(err)
	}
}

// connect makes a dial b, and waits until both can call.
func connect(tb testing.TB, a, b *peernet.Node) {
	tb.Helper()
	if err := a.Connect(tb.Context(), b.PublicKey(), b.Addrs()[0].String()); err != nil {
		tb.Fatal(err)
	}
	if _, err := b.Call(tb.Context(), a.PublicKey(), "nothing", nil, peernet.WaitForReady()); !errors.Is(err, peernet.ErrNoHandler) {
		tb.Fatal(err)
	}
}

func echo(_ context.Context, r *peernet.Request) (any, error) { return r.Args(), nil }

func TestTwoNodesCallEachOther(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	for _, n := range []*peernet.Node{a, b} {
		if err := n.Handle("echo", echo); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, a, b)
	for _, way := range [][2]*peernet.Node{{a, b}, {b, a}} {
		got, err := peernet.Call[string](t.Context(), way[0], way[1].PublicKey(), "echo", "hello")
		if err != nil || got != "hello" {
			t.Errorf("echo = %q, %v", got, err)
		}
	}
	rtt, err := a.Ping(t.Context(), b.PublicKey())
	if err != nil || rtt <= 0 {
		t.Errorf("ping = %v, %v", rtt, err)
	}
}
