package middleware_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/middleware"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

func TestRateLimitRefusesWithAdvice(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.handle("echo", echo, middleware.RateLimit(rate.Every(time.Second), 2))
		t.handle("free", echo)
		for range 2 {
			if _, err := t.call("echo", nil); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(250 * time.Millisecond)
		for range 3 { // a refused ask costs nothing more
			_, err := t.call("echo", nil)
			if wait, ok := peernet.RetryAfter(err); !errors.Is(err, peernet.ErrOverloaded) || !ok || wait != 750*time.Millisecond {
				t.Errorf("%v, try again in %v, %v", err, wait, ok)
			}
		}
		if _, err := t.call("free", nil); err != nil {
			t.Error(err)
		}
		time.Sleep(750 * time.Millisecond)
		if _, err := t.call("echo", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestRateLimitCountsEachPeerAlone(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.b.Use(middleware.RateLimit(1, 1))
		t.handle("one", echo)
		t.handle("two", echo)
		other := t.net.Node("Eve")
		t.join(other)
		for _, n := range []*peertest.Node{t.a, other} {
			if _, err := n.Call(t.Context(), t.b.PublicKey(), "one", nil); err != nil {
				t.Error(err)
			}
			if _, err := n.Call(t.Context(), t.b.PublicKey(), "two", nil); !errors.Is(err, peernet.ErrOverloaded) {
				t.Errorf("one limit for all handlers: %v", err)
			}
		}
	})
}

func TestRateLimitDropsSends(t *testing.T) {
	inBubble(t, func(t *bubble) {
		handled := 0
		t.handle("note", func(context.Context, *peernet.Request) (any, error) { handled++; return nil, nil }, middleware.RateLimit(1, 3))
		for range 10 {
			if err := t.a.Send(t.Context(), t.b.PublicKey(), "note", nil); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if handled != 3 {
			t.Errorf("%d were handled", handled)
		}
	})
}

func TestRateLimitOutgoingWaitsForItsTurn(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.handle("echo", echo)
		limit := middleware.RateLimitOutgoing(1, 2)
		began := time.Now()
		for i, want := range []time.Duration{0, 0, 1, 2, 3} {
			if _, err := t.call("echo", nil, limit); err != nil || time.Since(began) != want*time.Second {
				t.Errorf("call %d: %v after %v", i, err, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := t.a.Call(ctx, t.b.PublicKey(), "echo", nil, peernet.UseOutgoing(limit))
		if !errors.Is(err, context.DeadlineExceeded) || peernet.Sent(err) || ctx.Err() != nil {
			t.Errorf("a turn that would come too late: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		if _, err := t.a.Call(ctx, t.b.PublicKey(), "echo", nil, peernet.UseOutgoing(limit)); !errors.Is(err, context.Canceled) || peernet.Sent(err) {
			t.Errorf("given up: %v", err)
		}
		if _, err := t.a.Call(ctx, t.b.PublicKey(), "echo", nil, peernet.UseOutgoing(limit)); !errors.Is(err, context.Canceled) {
			t.Errorf("given up before: %v", err)
		}
		if _, err := t.call("echo", nil, limit); err != nil || time.Since(began) != 4*time.Second {
			t.Errorf("who gave up has kept a place: %v after %v", err, time.Since(began))
		}
	})
}

func TestGuestsShareOneRate(t *testing.T) {
	inBubble(t, func(t *bubble) {
		limit := middleware.RateLimit(1, 1)
		if err := t.b.Handle("open", echo, peernet.Guests(), peernet.Use(limit)); err != nil {
			t.Fatal(err)
		}
		var refused int
		for _, name := range []string{"Eve", "Mallory", "Oscar"} {
			_, _, err := t.net.Node(name).CallAsGuest(t.Context(), t.b.Addr().String(), identity.PublicKey{}, "open", nil)
			if errors.Is(err, peernet.ErrOverloaded) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 2 {
			t.Errorf("%d of 3 guests were refused, want 2", refused)
		}
		if _, err := t.call("open", nil); err != nil {
			t.Errorf("a peer, after guests: %v", err)
		}
	})
}
