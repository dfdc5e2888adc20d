package peernet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// paced calls f total times, evenly at rate calls a second, and makes up for being late. f is called by one
// goroutine, the caller's. ctx ends it early.
func paced(ctx context.Context, rate, total int, f func(i int)) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	began := time.Now()
	for i := 0; i < total; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); i < min(due, total) && ctx.Err() == nil; i++ {
			f(i)
		}
	}
}

func TestPacedKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		paced(t.Context(), 100, 200, func(i int) {
			if at = append(at, time.Since(began)); i == 49 {
				time.Sleep(time.Second) // late
			}
		})
		const ms = time.Millisecond
		if len(at) != 200 || at[9] != 100*ms || at[49] != 500*ms || at[149] != 1500*ms || at[199] != 2000*ms {
			t.Errorf("calls at %v", at)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		paced(ctx, 10, 1000, func(int) { n++ })
		if n < 9 || n > 10 { // the last and the end fall on the same moment
			t.Errorf("%d calls in a second, want 10", n)
		}
	})
}
