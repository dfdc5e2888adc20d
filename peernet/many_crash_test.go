package peernet_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// askedManyWays are the functions that ask several peers.
var askedManyWays = map[string]func(ctx context.Context, s *star, opts ...peernet.CallOption){
	"CallMany": func(ctx context.Context, s *star, opts ...peernet.CallOption) {
		peernet.CallMany[any](ctx, s.hub, s.keys, "wait", nil, opts...)
	},
	"CallEach": func(ctx context.Context, s *star, opts ...peernet.CallOption) {
		for range peernet.CallEach[any](ctx, s.hub, s.keys, "wait", nil, opts...) {
		}
	},
	"SendMany": func(ctx context.Context, s *star, opts ...peernet.CallOption) {
		peernet.SendMany(ctx, s.hub, s.keys, "wait", nil, opts...)
	},
}

// at is middleware that does something once a call to one peer has its turn, after a second.
func at(key identity.PublicKey, do func()) peernet.CallOption {
	return peernet.UseOutgoing(func(next peernet.Invoker) peernet.Invoker {
		return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
			if o.Peer == key {
				time.Sleep(time.Second) // the others are under way
				do()
			}
			return next(ctx, o)
		}
	})
}

func TestAPanicInOneOfManyIsTheCallersAndEndsTheOthers(t *testing.T) {
	for name, ask := range askedManyWays {
		for _, atOnce := range []int{1, 3} {
			starOf(t, 5, func(t *testing.T, s *star) {
				var running atomic.Int64
				for _, n := range s.others {
					handle(t, n, "wait", func(ctx context.Context, r *peernet.Request) (any, error) {
						if r.IsSend() {
							return nil, nil
						}
						running.Add(1)
						defer running.Add(-1)
						<-ctx.Done()
						return nil, ctx.Err()
					})
				}
				boom := errors.New("boom")
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				first := s.keys[0]
				began := time.Now()
				err := func() (err error) {
					defer func() { err, _ = recover().(error) }()
					ask(ctx, s, peernet.AtOnce(atOnce), at(first, func() { panic(boom) }))
					return nil
				}()
				if !errors.Is(err, boom) || !strings.Contains(err.Error(), "many_crash_test.go") {
					t.Errorf("%s, %d at once: panicked with %v", name, atOnce, err)
				}
				if took := time.Since(began); took != time.Second {
					t.Errorf("%s, %d at once: after %v", name, atOnce, took)
				}
				synctest.Wait()
				if n := running.Load(); n != 0 {
					t.Errorf("%s, %d at once: %d handlers run on", name, atOnce, n)
				}
			})
		}
	}
}

// TestGoexitInOneOfManyIsTheCallers: it is what t.FailNow does.
func TestGoexitInOneOfManyIsTheCallers(t *testing.T) {
	for name, ask := range askedManyWays {
		for _, atOnce := range []int{1, 3} {
			starOf(t, 3, func(t *testing.T, s *star) {
				for _, n := range s.others {
					handle(t, n, "wait", echo)
				}
				ended, returned := make(chan struct{}), false
				go func() {
					defer close(ended)
					ask(t.Context(), s, peernet.AtOnce(atOnce), at(s.keys[1], runtime.Goexit), at(s.keys[0], runtime.Goexit))
					returned = true
				}()
				<-ended
				if returned {
					t.Errorf("%s, %d at once: the goroutine goes on", name, atOnce)
				}
			})
		}
	}
}

func TestAfterABreakNoCallBegins(t *testing.T) {
	starOf(t, 20, func(t *testing.T, s *star) {
		for _, n := range s.others {
			handle(t, n, "echo", echo)
		}
		var begun atomic.Int64
		count := peernet.UseOutgoing(func(next peernet.Invoker) peernet.Invoker {
			return func(ctx context.Context, o *peernet.Outgoing) (peernet.Raw, error) {
				begun.Add(1)
				return next(ctx, o)
			}
		})
		for range peernet.CallEach[any](t.Context(), s.hub, s.keys, "echo", nil, peernet.AtOnce(2), count) {
			synctest.Wait() // one outcome is kept, and the third call runs in place of the other
			break
		}
		synctest.Wait()
		if n := begun.Load(); n != 3 {
			t.Errorf("middleware has seen %d calls, want 3", n)
		}
	})
}
