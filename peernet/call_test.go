package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

func TestTwoNodesCallSendAndPingEachOther(t *testing.T) {
	a, b := pairOf(t, peernet.Config{Name: "node a"}, peernet.Config{Name: "node b"})
	ctx := patiently(t)
	for _, way := range [][2]*peernet.Node{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		handle(t, to, "echo", echo)
		got, err := peernet.Call[string](ctx, from, to.PublicKey(), "echo", "hello")
		if err != nil || got != "hello" {
			t.Errorf("echo = %q, %v", got, err)
		}
		sent := make(chan peernet.Caller, 1)
		handle(t, to, "note", func(_ context.Context, r *peernet.Request) (any, error) {
			if !r.IsSend() || r.Name() != "note" {
				t.Errorf("request is %q, send: %v", r.Name(), r.IsSend())
			}
			sent <- r.Caller()
			return nil, nil
		})
		if err := from.Send(ctx, to.PublicKey(), "note", 7); err != nil {
			t.Error(err)
		}
		if c := <-sent; c.Key != from.PublicKey() || !strings.HasPrefix(c.Name, "node ") || c.Label != from.PublicKey().Fingerprint() || !c.Addr.IsValid() {
			t.Errorf("caller = %+v", c)
		}
		if rtt, err := from.Ping(ctx, to.PublicKey()); err != nil || rtt <= 0 {
			t.Errorf("ping = %v, %v", rtt, err)
		}
	}
	info, ok := a.Peer(b.PublicKey())
	if !ok || info.State != peernet.StateConnected || info.Role != "initiator" || info.Name != "node b" || info.RTT <= 0 {
		t.Errorf("peer = %+v, %v", info, ok)
	}
}

func TestErrorsSayWhatWentWrong(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{})
	ctx := patiently(t)
	other := startNode(t, peernet.Config{})
	gone, cancel := context.WithCancel(ctx)
	cancel()
	handle(t, b, "fail", func(context.Context, *peernet.Request) (any, error) {
		return nil, fmt.Errorf("no: %w", peernet.ErrForbidden)
	})
	handle(t, b, "panic", func(context.Context, *peernet.Request) (any, error) { panic("secret") })
	handle(t, b, "wait", func(ctx context.Context, _ *peernet.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
	handle(t, b, "large", func(context.Context, *peernet.Request) (any, error) { return make([]byte, 2<<20), nil })
	if err := peernet.Handle(b, "typed", func(_ context.Context, _ peernet.Caller, n int) (int, error) { return n, nil }); err != nil {
		t.Fatal(err)
	}
	key := b.PublicKey()
	for _, c := range []struct {
		name string
		call func() error
		want error
		sent bool
	}{
		{"no handler", func() error { _, err := a.Call(ctx, key, "nobody", nil); return err }, peernet.ErrNoHandler, true},
		{"forbidden", func() error { _, err := a.Call(ctx, key, "fail", nil); return err }, peernet.ErrForbidden, true},
		{"panic", func() error { _, err := a.Call(ctx, key, "panic", nil); return err }, peernet.ErrInternal, true},
		{"large result", func() error { _, err := a.Call(ctx, key, "large", nil); return err }, peernet.ErrTooLarge, true},
		{"bad arguments", func() error { _, err := a.Call(ctx, key, "typed", "seven"); return err }, peernet.ErrBadArgs, true},
		{"late", func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Second) // to be sent in
			defer cancel()
			_, err := a.Call(ctx, key, "wait", nil)
			return err
		}, context.DeadlineExceeded, true},
		{"given up", func() error { _, err := a.Call(gone, key, "wait", nil); return err }, context.Canceled, false},
		{"not trusted", func() error { _, err := a.Call(ctx, other.PublicKey(), "echo", nil); return err }, peernet.ErrNotTrusted, false},
		{"self", func() error { _, err := a.Call(ctx, a.PublicKey(), "echo", nil); return err }, peernet.ErrSelf, false},
		{"send to nobody", func() error { return a.Send(ctx, other.PublicKey(), "note", nil) }, peernet.ErrNotTrusted, false},
		{"ping nobody", func() error { _, err := a.Ping(ctx, other.PublicKey()); return err }, peernet.ErrNotTrusted, false},
		{"connect to nobody", func() error { return a.Connect(ctx, other.PublicKey()) }, peernet.ErrNotTrusted, false},
		{"connect to self", func() error { return a.Connect(ctx, a.PublicKey()) }, peernet.ErrSelf, false},
		{"pair with self", func() error { return a.Pair(a.PublicKey(), "me") }, peernet.ErrSelf, false},
		{"unpair nobody", func() error { return a.Unpair(other.PublicKey()) }, peernet.ErrNotTrusted, false},
		{"handler twice", func() error { return b.Handle("fail", echo) }, peernet.ErrTaken, false},
	} {
		err := c.call()
		if !errors.Is(err, c.want) || peernet.Sent(err) != c.sent {
			t.Errorf("%s: %v (sent: %v), want %v (%v)", c.name, err, peernet.Sent(err), c.want, c.sent)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the caller learns of a panic's text: %v", c.name, err)
		}
	}
	if _, err := a.Call(ctx, key, "typed", make([]byte, 2<<20)); !errors.Is(err, peernet.ErrTooLarge) || peernet.Sent(err) {
		t.Errorf("arguments too large: %v", err)
	}
	if got, err := peernet.Call[int](ctx, a, key, "typed", 7); err != nil || got != 7 {
		t.Errorf("the session did not survive: %v, %v", got, err)
	}
}

func TestNotConnectedIsToldAtOnceOrWaitedFor(t *testing.T) {
	a, b := startNode(t, peernet.Config{}), startNode(t, peernet.Config{})
	pair(t, a, b)
	handle(t, b, "echo", echo)
	ctx := patiently(t)
	if _, err := a.Call(ctx, b.PublicKey(), "echo", 1); !errors.Is(err, peernet.ErrNotConnected) {
		t.Errorf("call: %v", err)
	}
	if err := a.Connect(ctx, b.PublicKey()); !errors.Is(err, peernet.ErrNoAddress) {
		t.Errorf("connect: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		got, err := peernet.Call[int](ctx, a, b.PublicKey(), "echo", 1, peernet.WaitForReady())
		if err == nil && got != 1 {
			err = fmt.Errorf("echo = %d", got)
		}
		done <- err
	}()
	connect(t, b, a) // the other way round: an inbound session serves as well
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestThousandCallsAtOnceBothWays(t *testing.T) {
	limits := peernet.Limits{CallsPerPeer: 1000}
	a, b := pairOf(t, peernet.Config{Limits: limits}, peernet.Config{Limits: limits})
	handle(t, a, "echo", echo)
	handle(t, b, "echo", echo)
	ctx := patiently(t)
	var all sync.WaitGroup
	for i := range 2000 {
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

func TestCallsOverTheLimitAreRefusedAtOnce(t *testing.T) {
	a, b := pairOf(t, peernet.Config{}, peernet.Config{Limits: peernet.Limits{CallsPerPeer: 3}})
	ctx := patiently(t)
	release, running := make(chan struct{}), make(chan struct{}, 3)
	handle(t, b, "wait", func(context.Context, *peernet.Request) (any, error) {
		running <- struct{}{}
		<-release
		return nil, nil
	})
	results := make(chan error, 3)
	for range 3 {
		go func() { _, err := a.Call(ctx, b.PublicKey(), "wait", nil); results <- err }()
	}
	for range 3 {
		<-running
	}
	if _, err := a.Call(ctx, b.PublicKey(), "wait", nil); !errors.Is(err, peernet.ErrOverloaded) {
		t.Errorf("the fourth call: %v", err)
	}
	close(release)
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
