package peernet_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// TestIdleLinkEndsAndIsMadeAgainWhenNeeded: by a call that waits, not by one that does not.
func TestIdleLinkEndsAndIsMadeAgainWhenNeeded(t *testing.T) {
	a, b := startNode(t, peernet.Config{Timing: peernet.Timing{Idle: 300 * time.Millisecond}}), startNode(t, peernet.Config{})
	handle(t, b, "echo", echo)
	pair(t, a, b)
	ctx := patiently(t)
	events := a.Events(ctx)
	connect(t, a, b)
	if d := await[peernet.Disconnected](t, events); d.Reason != "idle" {
		t.Fatalf("%+v", d)
	}
	if _, err := a.Call(ctx, b.PublicKey(), "echo", 1); !errors.Is(err, peernet.ErrNotConnected) {
		t.Errorf("a call that does not wait: %v", err)
	}
	if e, err := a.Explain(b.PublicKey()); err != nil || !strings.Contains(e.String(), "when it is needed") {
		t.Errorf("%v, %v", e, err)
	}
	if got, err := peernet.Call[int](ctx, a, b.PublicKey(), "echo", 7, peernet.WaitForReady()); err != nil || got != 7 {
		t.Errorf("a call that waits: %v, %v", got, err)
	}
}

// TestNoCallFailsWhileLinksAreRotated: both ends call all the time, over real sockets.
func TestNoCallFailsWhileLinksAreRotated(t *testing.T) {
	c := peernet.Config{Timing: peernet.Timing{Rotate: 50 * time.Millisecond}}
	a, b := startNode(t, c), startNode(t, c)
	ctx, cancel := context.WithCancel(patiently(t))
	defer cancel()
	pair(t, a, b)
	for _, n := range []*peernet.Node{a, b} {
		handle(t, n, "echo", echo)
	}
	events := a.Events(ctx)
	connect(t, a, b)
	// Each rotation ends the session that it replaces, for that reason.
	rotations := func() uint64 { return a.Stats().Total.SessionsEnded[string(envelope.ReasonRotated)] }
	var join sync.WaitGroup
	for _, way := range [][2]*peernet.Node{{a, b}, {b, a}, {a, b}, {b, a}} {
		join.Go(func() {
			for ctx.Err() == nil {
				if got, err := peernet.Call[int](ctx, way[0], way[1].PublicKey(), "echo", 7); ctx.Err() == nil && (err != nil || got != 7) {
					t.Errorf("%v, %v", got, err)
					cancel()
				}
			}
		})
	}
	for rotations() < 10 && ctx.Err() == nil {
		// A call between two looks: time goes on.
		if _, err := a.Ping(ctx, b.PublicKey()); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
	cancel()
	join.Wait()
	if n := rotations(); n < 10 {
		t.Errorf("%d rotations", n)
	}
	for e := range events {
		switch e.(type) {
		case peernet.Disconnected, peernet.IdentityConflict:
			t.Errorf("%T: %+v", e, e)
		}
	}
}

// TestLimitOfPeersIsTold: on both sides, with what can be done about it.
func TestLimitOfPeersIsTold(t *testing.T) {
	hub := startNode(t, peernet.Config{Limits: peernet.Limits{Peers: 1}})
	one, two := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, hub, one)
	pair(t, hub, two)
	connect(t, one, hub)
	ctx := patiently(t)
	if err := two.Connect(ctx, hub.PublicKey(), hub.Addrs()[0].String()); !errors.Is(err, peernet.ErrBusy) {
		t.Errorf("the one too many: %v", err)
	}
	if err := hub.Connect(ctx, two.PublicKey(), two.Addrs()[0].String()); !errors.Is(err, peernet.ErrFull) || !strings.Contains(err.Error(), "Limits.Peers") {
		t.Errorf("the node at its limit: %v", err)
	}
	if e, err := two.Explain(hub.PublicKey()); err != nil || e.Next.IsZero() || !strings.Contains(e.String(), "busy") {
		t.Errorf("%v, %v", e, err)
	}
	if e, err := hub.Explain(two.PublicKey()); err != nil || e.Next.IsZero() || !strings.Contains(e.String(), "Limits.Peers") {
		t.Errorf("%v, %v", e, err)
	}
}

// TestResultThatDoesNotFitWasSent: the request has been carried out, whatever the caller makes of the answer.
func TestResultThatDoesNotFitWasSent(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	handle(t, b, "echo", echo)
	if _, err := peernet.Call[int](patiently(t), a, b.PublicKey(), "echo", "no number"); err == nil || !peernet.Sent(err) {
		t.Errorf("%v: sent %v", err, peernet.Sent(err))
	}
}
