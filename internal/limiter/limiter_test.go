package limiter

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

var start = time.Unix(1_000_000, 0)

func TestBucketLetsABurstPassAndThenOneEachTime(t *testing.T) {
	var b Bucket
	r := Rate{Burst: 8, Every: 500 * time.Millisecond}
	passed := 0
	for i := range 100_000 { // a thousand a second
		if b.Take(start.Add(time.Duration(i)*time.Millisecond), r) {
			passed++
		}
	}
	if want := 8 + 199; passed != want {
		t.Errorf("%d events in 100 s, want %d", passed, want)
	}
}

func TestBucketIsFullAgainAfterItsTime(t *testing.T) {
	var b Bucket
	r := Rate{Burst: 4, Every: time.Second}
	now := start
	if !b.IsIdle(now) {
		t.Error("a new bucket is not idle")
	}
	for range 4 {
		b.Take(now, r)
	}
	if b.IsIdle(now.Add(4*time.Second-1)) || !b.IsIdle(now.Add(4*time.Second)) {
		t.Error("a bucket that was emptied is full after Burst times Every, no sooner and no later")
	}
	now = now.Add(time.Hour)
	passed := 0
	for range 100 {
		if b.Take(now, r) {
			passed++
		}
	}
	if passed != 4 {
		t.Errorf("%d events at once after an hour, want the burst of 4", passed)
	}
}

// TestReservationsTakeTurns: a reservation waits for all that came before it, however large, and for no other.
func TestReservationsTakeTurns(t *testing.T) {
	var b Bucket
	r := Rate{Burst: 10, Every: time.Second}
	for _, c := range []struct {
		at   time.Duration
		n    int
		want time.Duration
	}{
		{0, 10, 0},                         // a full bucket
		{0, 1, time.Second},                // an empty one
		{0, 20, 21 * time.Second},          // more than a burst
		{time.Second, 1, 21 * time.Second}, // behind it
		{22 * time.Second, 0, 0},           // nothing
		{22 * time.Second, 1, time.Second}, // all that was reserved has happened
		{time.Hour, 10, 0},                 // full again, and no fuller
		{time.Hour, 3, 3 * time.Second},
	} {
		if got := b.Reserve(start.Add(c.at), c.n, r); got != c.want {
			t.Errorf("%d after %v wait for %v, want %v", c.n, c.at, got, c.want)
		}
	}
	if b.Take(start.Add(time.Hour), r) {
		t.Error("an event passes before those that have reserved")
	}
}

func TestWindowHoldsForEveryPeriod(t *testing.T) {
	const most, period = 4, 10 * time.Second
	var w Window
	rnd := rand.New(rand.NewPCG(1, 2))
	now := start
	var passed []time.Time
	for range 100_000 {
		now = now.Add(time.Duration(rnd.Int64N(int64(period) / 8)))
		within := 0
		for _, at := range slices.Backward(passed) {
			if now.Sub(at) >= period {
				break
			}
			within++
		}
		if got, want := w.Take(now, most, period), within < most; got != want {
			t.Fatalf("%v: with %d events in the period Take says %v", now, within, got)
		} else if got {
			passed = append(passed, now)
		}
	}
	if len(w.events) > most {
		t.Errorf("%d times are kept, want at most %d", len(w.events), most)
	}
}

// TestWaitTellsWhenTheNextEventMayHappen checks that a peek takes nothing and is exact to the nanosecond.
func TestWaitTellsWhenTheNextEventMayHappen(t *testing.T) {
	var b Bucket
	var w Window
	r := Rate{Burst: 3, Every: 7 * time.Second}
	for name, c := range map[string]struct {
		take func(time.Time) bool
		wait func(time.Time) time.Duration
	}{
		"bucket": {func(now time.Time) bool { return b.Take(now, r) }, func(now time.Time) time.Duration { return b.Wait(now, r) }},
		"window": {func(now time.Time) bool { return w.Take(now, 3, 7*time.Second) }, func(now time.Time) time.Duration { return w.Wait(now, 3, 7*time.Second) }},
	} {
		t.Run(name, func(t *testing.T) {
			now := start
			for range 50 {
				for c.wait(now) == 0 {
					if !c.take(now) {
						t.Fatal("Wait says 0, and Take says false")
					}
					now = now.Add(time.Millisecond)
				}
				wait := c.wait(now)
				if c.take(now.Add(wait - 1)) {
					t.Fatalf("an event passes 1 ns before the wait of %v is over", wait)
				}
				now = now.Add(wait)
				if !c.take(now) {
					t.Fatalf("no event passes after a wait of %v", wait)
				}
			}
		})
	}
}

func TestKeysAreBoundedAndShareWhatIsLeft(t *testing.T) {
	const most = 16
	r := Rate{Burst: 2, Every: time.Second}
	k := NewKeys[int, Bucket](most)
	now, passed := start, 0
	for key := range 1000 {
		for range 10 {
			if k.Of(now, key).Take(now, r) {
				passed++
			}
		}
	}
	if want := (most + 1) * 2; passed != want || len(k.byKey) != most {
		t.Errorf("%d events of %d keys, want %d of %d: those without room share one limiter", passed, len(k.byKey), want, most)
	}
	now = now.Add(2 * time.Second)
	if !k.Of(now, 5000).Take(now, r) || len(k.byKey) != 1 {
		t.Errorf("%d keys, want 1: idle limiters make room", len(k.byKey))
	}
}

func TestPeekEntersNothing(t *testing.T) {
	r := Rate{Burst: 1, Every: time.Second}
	k := NewKeys[string, Bucket](4)
	if k.Peek("a").Wait(start, r) != 0 || len(k.byKey) != 0 {
		t.Error("a peek at an unknown key waits, or enters it")
	}
	k.Of(start, "a").Take(start, r)
	if k.Peek("a").Wait(start, r) != time.Second {
		t.Error("a peek does not see what was taken")
	}
}

func TestLinesAreBoundedInAPeriodAndTheRestCounted(t *testing.T) {
	for _, most := range []int{0, 1, 7} {
		synctest.Test(t, func(t *testing.T) {
			l := Lines{Most: most}
			want := uint64(10 * most)
			if most == 0 {
				want = 10 * MaxLines
			}
			const lines = 10 * 60 * 100 // a hundred a second for ten minutes
			var written uint64
			var dropped atomic.Uint64
			rest := func(n uint64) { dropped.Add(n) }
			for range lines {
				if ok, n := l.Allow(clock.System, 1, rest); ok {
					written++
					dropped.Add(n)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if written != want {
				t.Errorf("%d lines in ten minutes, want %d", written, want)
			}
			time.Sleep(Period)
			synctest.Wait()
			if dropped.Load() != lines-written {
				t.Errorf("%d lines are said to be dropped, want %d", dropped.Load(), lines-written)
			}
			if ok, n := l.Allow(clock.System, 1, rest); !ok || n != 0 {
				t.Errorf("%v, %d: dropped lines are told once", ok, n)
			}
		})
	}
}

func TestLinesThatWereDroppedAreToldThoughNoOtherFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Lines{Most: 1}
		told := make(chan uint64, 8)
		rest := func(n uint64) { told <- n }
		want := func(numbers ...uint64) {
			t.Helper()
			synctest.Wait()
			var got []uint64
			for len(told) > 0 {
				got = append(got, <-told)
			}
			if !slices.Equal(got, numbers) {
				t.Errorf("told %v, want %v", got, numbers)
			}
		}
		l.Allow(clock.System, 1, rest)
		time.Sleep(Period + 2*time.Second)
		want() // nothing was dropped
		l.Allow(clock.System, 1, rest)
		l.Allow(clock.System, 3, rest)
		time.Sleep(Period - time.Second)
		l.Allow(clock.System, 2, rest)
		want()
		time.Sleep(2 * time.Second)
		want(5)
		l.Allow(clock.System, 1, rest)
		l.Allow(clock.System, 4, rest)
		l.Flush()
		l.Flush()
		want(4)
		time.Sleep(2 * Period)
		want()
	})
}
