package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestBothDialAndOneSessionStays(t *testing.T) {
	da, db := manual.New(), manual.New()
	a := startNode(t, peernet.Config{Discovery: []discovery.Provider{da}})
	b := startNode(t, peernet.Config{Discovery: []discovery.Provider{db}})
	pair(t, a, b)
	ctx := patiently(t)
	ea, eb := a.Events(ctx), b.Events(ctx)
	go da.Found(b.PublicKey(), b.Addrs()[0])
	db.Found(a.PublicKey(), a.Addrs()[0])
	await[peernet.Connected](t, ea)
	await[peernet.Connected](t, eb)
	handle(t, a, "echo", echo)
	handle(t, b, "echo", echo)
	var all sync.WaitGroup
	for i := range 200 { // while one session takes over from the other, no call is lost
		all.Go(func() {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			if got, err := peernet.Call[int](ctx, from, to.PublicKey(), "echo", i); err != nil || got != i {
				t.Errorf("call %d: %v, %v", i, got, err)
			}
		})
	}
	all.Wait()
}

func TestShutdownLetsCallsFinishAndThenRefuses(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx := patiently(t)
	begun, release := make(chan struct{}), make(chan struct{})
	handle(t, b, "slow", func(context.Context, *peernet.Request) (any, error) {
		close(begun)
		<-release
		return "done", nil
	})
	call := make(chan error, 1)
	go func() {
		got, err := peernet.Call[string](ctx, a, b.PublicKey(), "slow", nil)
		if err == nil && got != "done" {
			err = fmt.Errorf("slow = %q", got)
		}
		call <- err
	}()
	<-begun
	events := a.Events(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- b.Shutdown(ctx) }()
	var err error
	for !errors.Is(err, peernet.ErrNotConnected) { // the goodbye arrives while the call is running
		if _, err = a.Call(ctx, b.PublicKey(), "nobody", nil); err == nil || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	close(release)
	if err := <-call; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if e := await[peernet.Disconnected](t, events); e.Reason != "shutdown" {
		t.Errorf("disconnected: %+v", e)
	}
	if err := b.Shutdown(ctx); err != nil {
		t.Errorf("the second shutdown: %v", err)
	}
	for name, err := range map[string]error{
		"start":   b.Start(ctx),
		"connect": b.Connect(ctx, a.PublicKey()),
		"send":    b.Send(ctx, a.PublicKey(), "x", nil),
	} {
		if !errors.Is(err, peernet.ErrClosed) {
			t.Errorf("%s after shutdown: %v", name, err)
		}
	}
	for range b.Events(ctx) {
		t.Error("an event after shutdown")
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	a := startNode(t, peernet.Config{})
	b, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pair(t, a, b)
	connect(t, a, b)
	begun, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	handle(t, b, "stubborn", func(context.Context, *peernet.Request) (any, error) {
		close(begun)
		<-release // it ignores its context
		return nil, nil
	})
	call := make(chan error, 1)
	go func() { _, err := a.Call(patiently(t), b.PublicKey(), "stubborn", nil); call <- err }()
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-call; !errors.Is(err, peernet.ErrLinkLost) || !peernet.Sent(err) {
		t.Errorf("call: %v", err)
	}
}

func TestNodeThatWasNeverStarted(t *testing.T) {
	n, err := peernet.New(peernet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	key := startNode(t, peernet.Config{}).PublicKey()
	if _, err := n.Call(t.Context(), key, "x", nil); !errors.Is(err, peernet.ErrNotStarted) {
		t.Errorf("call: %v", err)
	}
	if err := n.Connect(t.Context(), key, "127.0.0.1:1"); !errors.Is(err, peernet.ErrNotStarted) {
		t.Errorf("connect: %v", err)
	}
	if n.Addrs() != nil {
		t.Error("it listens")
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.Start(t.Context()); !errors.Is(err, peernet.ErrClosed) {
		t.Errorf("start: %v", err)
	}
}

func TestANodeThatCannotListenDoesNotStart(t *testing.T) {
	n, err := peernet.New(peernet.Config{Listen: "nonsense"})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err == nil {
		t.Error("it listens on nonsense")
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNodesShareAnActorSystemAndPublishThere(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	t.Cleanup(system.Shutdown)
	seen := make(chan peernet.Connected, 8)
	sub := system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(peernet.Connected); ok {
			seen <- e
			panic("a subscriber that breaks takes nothing down")
		}
	})
	t.Cleanup(func() { system.EventStream.Unsubscribe(sub) })
	a, b := pairOf(t, peernet.Config{System: system}, peernet.Config{System: system})
	for range 2 {
		if e := <-seen; e.Peer != a.PublicKey() && e.Peer != b.PublicKey() {
			t.Errorf("connected to %v", e.Peer)
		}
	}
}
