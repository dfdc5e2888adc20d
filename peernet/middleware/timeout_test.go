package middleware_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/middleware"
)

func TestTimeoutAnswersWhileTheHandlerStillCounts(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.b.Use(middleware.Log(t.logger(), 0))
		slow := make(blocker)
		t.handle("slow", slow.handle, middleware.Timeout(time.Second))
		t.handle("echo", echo)
		for range 2 { // as many as may run
			began := time.Now()
			if _, err := t.call("slow", nil); !errors.Is(err, peernet.ErrDeadline) || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}
		if _, err := t.call("echo", nil); !errors.Is(err, peernet.ErrOverloaded) {
			t.Errorf("the handlers that still run hold no place: %v", err)
		}
		if lines := t.lines(); len(lines) != 0 {
			t.Errorf("logged before the handlers have returned: %v", lines)
		}
		close(slow)
		synctest.Wait()
		if _, err := t.call("echo", nil); err != nil {
			t.Error(err)
		}
		lines := t.lines()
		if len(lines) != 3 || lines[0]["code"] != "deadline" || lines[1]["code"] != "deadline" {
			t.Errorf("logged %v", lines)
		}
	})
}

func TestTimeoutEndsTheContextOfTheHandler(t *testing.T) {
	inBubble(t, func(t *bubble) {
		why := make(chan error, 1)
		t.handle("wait", func(ctx context.Context, r *peernet.Request) (any, error) {
			<-ctx.Done()
			why <- ctx.Err()
			return nil, ctx.Err()
		}, middleware.Timeout(time.Second))
		if _, err := t.call("wait", nil); !errors.Is(err, peernet.ErrDeadline) {
			t.Error(err)
		}
		if err := <-why; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := t.a.Send(t.Context(), t.b.PublicKey(), "wait", nil); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if err := <-why; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("a send: %v after %v", err, time.Since(began))
		}
	})
}

func TestTimeoutLeavesTheRestAsItIs(t *testing.T) {
	inBubble(t, func(t *bubble) {
		t.b.Use(middleware.Timeout(time.Second))
		t.handle("echo", echo)
		t.handle("fail", func(context.Context, *peernet.Request) (any, error) { return nil, peernet.ErrForbidden })
		t.handle("panic", func(context.Context, *peernet.Request) (any, error) { panic("on purpose") })
		release := make(chan struct{})
		t.handle("wait", func(context.Context, *peernet.Request) (any, error) { <-release; return 42, nil })
		if got, err := t.call("echo", "x"); err != nil || got.IsNil() {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := t.call("fail", nil); !errors.Is(err, peernet.ErrForbidden) {
			t.Error(err)
		}
		if _, err := t.call("panic", nil); !errors.Is(err, peernet.ErrInternal) {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := t.a.Call(ctx, t.b.PublicKey(), "wait", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := t.a.Call(ctx, t.b.PublicKey(), "wait", nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(release)
	})
}

func TestTimeoutOutgoingIsTheCallsDeadline(t *testing.T) {
	inBubble(t, func(t *bubble) {
		left := make(chan time.Duration, 1)
		t.handle("wait", func(ctx context.Context, r *peernet.Request) (any, error) {
			deadline, _ := ctx.Deadline()
			left <- time.Until(deadline)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		began := time.Now()
		_, err := t.call("wait", nil, middleware.TimeoutOutgoing(time.Second))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second || !peernet.Sent(err) {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if d := <-left; d != time.Second {
			t.Errorf("the handler has %v", d)
		}
	})
}

func TestTimesAndRatesAreChecked(t *testing.T) {
	for name, f := range map[string]func(){
		"timeout":          func() { middleware.Timeout(0) },
		"outgoing timeout": func() { middleware.TimeoutOutgoing(-1) },
		"of streams":       func() { middleware.TimeoutStreams(0) },
		"outgoing streams": func() { middleware.TimeoutStreamsOutgoing(0) },
		"rate":             func() { middleware.RateLimit(0, 1) },
		"burst":            func() { middleware.RateLimit(1, 0) },
		"outgoing rate":    func() { middleware.RateLimitOutgoing(-1, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestTimeoutOfStreams ends a stream that goes on, at the one end or the other, and leaves calls alone. Timeout leaves streams alone.
func TestTimeoutOfStreams(t *testing.T) {
	inBubble(t, func(t *bubble) {
		ended := make(chan error, 1)
		tick := func(ctx context.Context, _ peernet.Caller, _ any, out *peernet.Out[int]) error {
			for i := 0; ; i++ {
				if err := out.Send(ctx, i); err != nil {
					ended <- ctx.Err()
					return err
				}
				time.Sleep(time.Second)
			}
		}
		for name, m := range map[string]peernet.Middleware{
			"bounded": middleware.TimeoutStreams(10 * time.Second), "calls": middleware.Timeout(10 * time.Second),
		} {
			if err := peernet.HandleStream(t.b.Node, name, tick, peernet.Use(m)); err != nil {
				t.Fatal(err)
			}
		}
		t.handle("slow", func(context.Context, *peernet.Request) (any, error) {
			time.Sleep(time.Minute)
			return nil, nil
		}, middleware.TimeoutStreams(time.Second))
		if _, err := t.call("slow", nil, middleware.TimeoutStreamsOutgoing(time.Second)); err != nil {
			t.Errorf("a call: %v", err)
		}
		for _, test := range []struct {
			name string
			use  peernet.OutgoingMiddleware
			err  error
			took time.Duration
		}{
			{"bounded", middleware.TimeoutOutgoing(time.Second), peernet.ErrDeadline, 10 * time.Second},
			{"calls", middleware.TimeoutStreamsOutgoing(20 * time.Second), context.DeadlineExceeded, 20 * time.Second},
		} {
			began, last, err := time.Now(), 0, error(nil)
			for last, err = range peernet.CallStream[int](t.Context(), t.a.Node, t.b.PublicKey(), test.name, nil, peernet.UseOutgoing(test.use)) {
				if err != nil {
					break
				}
			}
			if took := time.Since(began); !errors.Is(err, test.err) || took != test.took {
				t.Errorf("%s: ended with %v after %v and %d values", test.name, err, took, last)
			}
			if err := <-ended; err == nil {
				t.Errorf("%s: the handler's context has not ended", test.name)
			}
		}
	})
}
