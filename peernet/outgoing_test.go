package peernet_test

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestOutgoingMiddlewareIsAroundCallsAndSendsInOrder(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx, key := patiently(t), b.PublicKey()
	handle(t, b, "echo", echo)
	sent := make(chan struct{}, 1)
	handle(t, b, "note", func(context.Context, *peernet.Request) (any, error) { sent <- struct{}{}; return nil, nil })
	var d diary
	own := peernet.UseOutgoing(d.notingOut("own1"), d.notingOut("own2"))
	for _, c := range []struct {
		before func()
		opts   []peernet.CallOption
		want   string
	}{
		{func() { a.UseOutgoing() }, nil, ""},
		{func() {}, []peernet.CallOption{own, peernet.UseOutgoing(d.notingOut("own3"))}, "own1> own2> own3> <own3 <own2 <own1"},
		{func() { a.UseOutgoing(d.notingOut("all1")) }, nil, "all1> <all1"},
		{func() { a.UseOutgoing(d.notingOut("all2")) }, []peernet.CallOption{own}, "all1> all2> own1> own2> <own2 <own1 <all2 <all1"},
	} {
		c.before()
		if got, err := peernet.Call[int](ctx, a, key, "echo", 7, c.opts...); err != nil || got != 7 {
			t.Errorf("%v, %v", got, err)
		}
		if got := d.read(); got != c.want {
			t.Errorf("call: %s, want %s", got, c.want)
		}
		if err := a.Send(ctx, key, "note", 7, c.opts...); err != nil {
			t.Error(err)
		}
		<-sent
		if got := d.read(); got != c.want {
			t.Errorf("send: %s, want %s", got, c.want)
		}
		if _, err := a.Ping(ctx, key); err != nil || d.read() != "" {
			t.Errorf("ping: %v, or middleware ran", err)
		}
	}
}

func TestOutgoingMiddlewareMayChangeWhatGoesOut(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx, key := patiently(t), b.PublicKey()
	handle(t, b, "echo", echo)
	elsewhere := func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			if o.Peer != a.PublicKey() || o.Name != "alias" || o.Args != any(1) || o.IsSend {
				t.Errorf("outgoing %+v", o)
			}
			changed := *o
			changed.Peer, changed.Name, changed.Args = key, "echo", 2
			if result, err := next(ctx, &changed); err != nil {
				return result, err
			}
			changed.Args = 3
			return next(ctx, &changed)
		}
	}
	if got, err := peernet.Call[int](ctx, a, a.PublicKey(), "alias", 1, peernet.UseOutgoing(elsewhere)); err != nil || got != 3 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOutgoingMiddlewareKeepsTheOptionsOfTheCall(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	handle(t, b, "echo", echo)
	var d diary
	a.UseOutgoing(d.notingOut("all"))
	ctx := patiently(t)
	if _, err := a.Call(ctx, b.PublicKey(), "echo", 1); !errors.Is(err, peernet.ErrNotConnected) || peernet.Sent(err) {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := a.Call(ctx, b.PublicKey(), "echo", 1, peernet.WaitForReady())
		done <- err
	}()
	connect(t, b, a)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOutgoingMiddlewareMayAnswerItself(t *testing.T) {
	n := startNode(t, peernet.Config{})
	n.UseOutgoing(func(peernet.Invoker) peernet.Invoker {
		return func(_ context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			return peernet.Raw{}, peernet.ErrOverloaded
		}
	})
	if _, err := n.Call(t.Context(), n.PublicKey(), "x", nil); !errors.Is(err, peernet.ErrOverloaded) || peernet.Sent(err) || !peernet.Retryable(err) {
		t.Error(err)
	}
	if err := n.Send(t.Context(), n.PublicKey(), "x", nil); !errors.Is(err, peernet.ErrOverloaded) {
		t.Error(err)
	}
}
