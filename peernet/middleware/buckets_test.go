package middleware

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestPeersThatAreSilentAreForgotten(t *testing.T) {
	b := newBuckets(1, 2)
	now := time.Unix(1e9, 0)
	b.now = func() time.Time { return now }
	peer := func(n int) (key identity.PublicKey) {
		binary.BigEndian.PutUint64(key[:], uint64(n))
		return key
	}
	most := 0
	for n := range 10_000 {
		now = now.Add(10 * time.Millisecond) // each is full again after a second: 100 are not
		b.ask(peer(n))
		most = max(most, len(b.of))
	}
	if most > 250 {
		t.Errorf("%d peers are remembered, about 100 have to be", most)
	}
	b.ask(peer(20_000))
	b.ask(peer(20_000))
	for n := range 1000 {
		now = now.Add(time.Millisecond / 2)
		b.ask(peer(30_000 + n))
	}
	if wait := b.ask(peer(20_000)); wait != 500*time.Millisecond {
		t.Errorf("who has used up its burst waits %v", wait)
	}
}

// TestRefusedAsksCostNothing: not even when many do so at once.
func TestRefusedAsksCostNothing(t *testing.T) {
	b := newBuckets(1, 1)
	now := time.Unix(1e9, 0)
	b.now = func() time.Time { return now }
	peer := identity.PublicKey{1}
	b.ask(peer)
	var join sync.WaitGroup
	for range 8 {
		join.Go(func() {
			for range 10_000 {
				if wait := b.ask(peer); wait != time.Second {
					t.Errorf("it waits %v", wait)
					return
				}
			}
		})
	}
	join.Wait()
	if now = now.Add(time.Second); b.ask(peer) != 0 {
		t.Error("after a second there is nothing")
	}
}

// TestCallersThatGiveUpMakeWay: any of the waiting callers, and any number of them.
func TestCallersThatGiveUpMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, peer, began := newBuckets(1, 1), identity.PublicKey{1}, time.Now()
		if err := b.await(t.Context(), peer); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var join sync.WaitGroup
		for range 100 {
			join.Go(func() {
				if err := b.await(ctx, peer); !errors.Is(err, context.Canceled) {
					t.Errorf("given up: %v", err)
				}
			})
		}
		synctest.Wait()
		last := make(chan time.Duration, 1)
		join.Go(func() {
			if err := b.await(t.Context(), peer); err != nil {
				t.Error(err)
			}
			last <- time.Since(began)
		})
		synctest.Wait()
		late, end := context.WithTimeout(t.Context(), 100*time.Second)
		defer end()
		if err := b.await(late, peer); !errors.Is(err, context.DeadlineExceeded) || late.Err() != nil {
			t.Errorf("behind 101 others: %v", err)
		}
		cancel()
		if after := <-last; after != time.Second {
			t.Errorf("the one behind them had its turn after %v", after)
		}
		join.Wait()
	})
}

func TestWaitsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, peer, began := newBuckets(2, 1), identity.PublicKey{1}, time.Now()
		var join sync.WaitGroup
		for i := range 20 {
			join.Go(func() {
				err := b.await(t.Context(), peer)
				if want := time.Duration(i) * 500 * time.Millisecond; err != nil || time.Since(began) != want {
					t.Errorf("%d had its turn after %v, %v", i, time.Since(began), err)
				}
			})
			synctest.Wait()
		}
		join.Wait()
	})
}

func TestRatesBeyondAllSense(t *testing.T) {
	for limit, want := range map[rate.Limit]time.Duration{
		rate.Inf: 0, math.SmallestNonzeroFloat64: math.MaxInt64, 1e-10: math.MaxInt64,
	} {
		b := newBuckets(limit, 1)
		now := time.Unix(1e9, 0)
		b.now = func() time.Time { return now }
		b.ask(identity.PublicKey{1})
		if wait := b.ask(identity.PublicKey{1}); wait != want || ceil(wait) < wait {
			t.Errorf("at %v a second: %v, rounded up %v; want %v", float64(limit), wait, ceil(wait), want)
		}
	}
}
