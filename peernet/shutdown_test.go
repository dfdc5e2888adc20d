package peernet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/peernet/peertest"
)

// TestShutdownSaysGoodbyeWhateverItsContext: also if the context has ended, as after a signal, and calls run both ways.
func TestShutdownSaysGoodbyeWhateverItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration // of the context; negative: it has ended before
		works time.Duration // how long the handlers take; 0: nothing is called
		want  time.Duration // of Shutdown
		err   error
	}{
		"ended, and nothing runs":       {limit: -1},
		"ended, and a call runs":        {limit: -1, works: time.Hour, want: 250 * time.Millisecond, err: context.DeadlineExceeded},
		"ended, and a call ends":        {limit: -1, works: 100 * time.Millisecond, want: 100 * time.Millisecond},
		"ends before the goodbye":       {limit: time.Millisecond, works: time.Hour, want: 250 * time.Millisecond, err: context.DeadlineExceeded},
		"ends later":                    {limit: time.Second, works: time.Hour, want: time.Second, err: context.DeadlineExceeded},
		"ends after all that is called": {limit: time.Minute, works: time.Second, want: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes := peertest.NewNetwork(t).Mesh(2)
				a, b := nodes[0], nodes[1]
				events, ended := b.Events(t.Context()), make(chan error, 2)
				for _, n := range nodes {
					if err := peernet.Handle(n.Node, "work", func(ctx context.Context, _ peernet.Caller, _ any) (any, error) {
						select {
						case <-time.After(c.works):
							return nil, nil
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					}); err != nil {
						t.Fatal(err)
					}
				}
				if c.works > 0 {
					go func() { _, err := a.Call(t.Context(), b.PublicKey(), "work", nil); ended <- err }()
					go func() { _, err := b.Call(t.Context(), a.PublicKey(), "work", nil); ended <- err }()
					synctest.Wait()
				}
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				began := time.Now()
				if err := a.Shutdown(ctx); !errors.Is(err, c.err) || err != nil && c.err == nil {
					t.Errorf("shutdown: %v, want %v", err, c.err)
				}
				if took := time.Since(began); took < c.want || took > c.want+50*time.Millisecond {
					t.Errorf("shutdown took %v, want %v", took, c.want)
				}
				if e := await[peernet.Disconnected](t, events); e.Reason != "shutdown" {
					t.Errorf("disconnected: %+v", e)
				}
				for range len(ended) {
					if err := <-ended; (err != nil) != (c.err != nil) {
						t.Errorf("a call in flight: %v", err)
					}
				}
				a.Crash() // the end of the network would find fault with a node that was cut
			})
		})
	}
}

// TestShutdownEndsWithTheFirstContextOfItsCallers whichever call began it.
func TestShutdownEndsWithTheFirstContextOfItsCallers(t *testing.T) {
	for _, limits := range [][]time.Duration{{time.Minute, time.Second, time.Hour}, {time.Second, time.Minute}, {time.Hour, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			nodes := peertest.NewNetwork(t).Mesh(2)
			a, b := nodes[0], nodes[1]
			if err := a.Handle("stubborn", func(ctx context.Context, _ *peernet.Request) (any, error) {
				<-ctx.Done()
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = b.Call(t.Context(), a.PublicKey(), "stubborn", nil) }()
			synctest.Wait()
			began, ended := time.Now(), make(chan error, len(limits))
			for _, limit := range limits {
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					defer cancel()
					ended <- a.Shutdown(ctx)
				}()
				synctest.Wait()
			}
			for range limits {
				if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("shutdown: %v", err)
				}
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("shutdown took %v, want 1s", took)
			}
			a.Crash() // as above
		})
	}
}
