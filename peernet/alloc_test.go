package peernet_test

import (
	"context"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestAllocationsPerCall asserts what a whole call allocates, both ends counted: encoded, sealed, opened, run,
// answered and decoded, over TCP, through the public API. docs/performance.md has the figures.
func TestAllocationsPerCall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx, key := context.Background(), b.PublicKey()
	handle(t, b, "raw", echo)
	if err := peernet.Handle(b, "typed", func(_ context.Context, _ peernet.Caller, v []byte) ([]byte, error) { return v, nil }); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 64)
	for _, c := range []struct {
		name string
		want float64
		call func() error
	}{
		{"untyped", 5, func() error { _, err := a.Call(ctx, key, "raw", nil); return err }},
		{"untyped, when ready", 5, func() error { _, err := a.Call(ctx, key, "raw", nil, peernet.WaitForReady()); return err }},
		{"typed", 6, func() error { _, err := peernet.Call[[]byte](ctx, a, key, "typed", payload); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := testing.AllocsPerRun(2000, func() {
				if err := c.call(); err != nil {
					t.Fatal(err)
				}
			})
			if got != c.want {
				t.Errorf("%v allocations per call, want %v", got, c.want)
			}
		})
	}
}

// TestAllocationsOfACallToMany: a call to each of several peers costs little more than the calls.
func TestAllocationsOfACallToMany(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	const peers, perCall, besides = 8, 8, 24
	hub := startNode(t, peernet.Config{})
	var keys []identity.PublicKey
	for range peers {
		n := startNode(t, peernet.Config{})
		handle(t, n, "raw", echo)
		pair(t, hub, n)
		connect(t, hub, n)
		keys = append(keys, n.PublicKey())
	}
	ctx, payload := context.Background(), make([]byte, 64)
	got := testing.AllocsPerRun(200, func() {
		for _, o := range peernet.CallMany[[]byte](ctx, hub, keys, "raw", payload) {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
		}
	})
	if got > peers*perCall+besides {
		t.Errorf("%v allocations for %d peers", got, peers)
	}
}
