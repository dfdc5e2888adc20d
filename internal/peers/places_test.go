package peers

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A queueing is places, and what their holders were told.
type queueing struct {
	places
	now    time.Time
	came   []*place
	wanted []*place
}

func newQueueing() *queueing { return &queueing{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (q *queueing) place(isProven bool) *place {
	return &place{isProven: isProven, post: func(m any) {
		switch m := m.(type) {
		case turnCame:
			q.came = append(q.came, m.place)
		case placeWanted:
			q.wanted = append(q.wanted, m.place)
		}
	}}
}

// begin begins the dial of a place that is held; it has a second.
func (q *queueing) begin(pl *place) { q.keep(pl, q.now.Add(time.Second)) }

// fill takes n places, and fails if they are not free.
func (q *queueing) fill(t *testing.T, n int, isProven bool) (list []*place) {
	t.Helper()
	for range n {
		pl := q.place(isProven)
		if !q.take(pl) {
			t.Fatal("no place is free")
		}
		q.begin(pl)
		list = append(list, pl)
	}
	return list
}

func TestPlacesAreTakenInTurn(t *testing.T) {
	q := newQueueing()
	held := q.fill(t, maxDials, false)
	a, b := q.place(false), q.place(false)
	if q.take(a) || q.take(b) {
		t.Fatal("a place was taken, and none is free")
	}
	q.wait(a, q.now)
	q.wait(b, q.now)
	q.wait(a, q.now) // it keeps its turn
	q.leave(held[0])
	q.leave(held[1])
	if !slices.Equal(q.came, []*place{a, b}) || !q.take(a) || !q.take(b) {
		t.Errorf("it is the turn of %d, want that of the first, then that of the second", len(q.came))
	}
	c := q.place(false)
	q.wait(c, q.now)
	q.leave(c)
	q.leave(a)
	if len(q.came) != 2 || len(q.held) != maxDials-1 || len(q.queue) != 0 {
		t.Error("one that waits no more got a place")
	}
}

// TestAPlaceThatBecomesFreeBeforeOneWaits: others leave between take and wait, or the place's turn has come already.
func TestAPlaceThatBecomesFreeBeforeOneWaits(t *testing.T) {
	for _, waits := range []bool{false, true} {
		q := newQueueing()
		held := q.fill(t, maxDials, false)
		a := q.place(false)
		if q.take(a) {
			t.Fatal("a place was taken, and none is free")
		}
		if waits {
			q.wait(a, q.now)
		}
		for _, pl := range held {
			q.leave(pl)
		}
		q.wait(a, q.now)
		if !slices.Equal(q.came, []*place{a}) || !slices.Equal(q.held, []*place{a}) || len(q.queue) != 0 {
			t.Errorf("it was told %d times that it is its turn; %d places are held, %d wait", len(q.came), len(q.held), len(q.queue))
		}
	}
}

func TestProvenPeersComeFirstAndLeaveAQuarter(t *testing.T) {
	q := newQueueing()
	held := q.fill(t, maxDials, false)
	for range maxDials {
		q.wait(q.place(false), q.now)
	}
	for range maxDials {
		q.wait(q.place(true), q.now)
	}
	for _, pl := range held {
		q.leave(pl)
	}
	proven := 0
	for i, pl := range q.came {
		if pl.isProven {
			proven++
		}
		if want := min(i+1, 48); proven != want {
			t.Fatalf("%d of the first %d have a proven address, want %d", proven, i+1, want)
		}
	}
}

// TestOnlyADialThatHadItsTimeMakesRoom: and of each kind only those beyond their share do so for the other kind.
func TestOnlyADialThatHadItsTimeMakesRoom(t *testing.T) {
	for _, test := range []struct {
		name         string
		proven, rest int // that hold places
		waits        bool
		want         map[bool]int // how many would go
	}{
		{"a quarter, and one of it waits", 48, 16, false, map[bool]int{false: 16}},
		{"a quarter, and another one waits", 48, 16, true, map[bool]int{true: 48}},
		{"proven ones alone, and another one waits", 64, 0, false, map[bool]int{true: 16}},
		{"none is proven, and one waits that is", 0, 64, true, map[bool]int{false: 48}},
	} {
		q := newQueueing()
		held := append(q.fill(t, test.proven, true), q.fill(t, test.rest, false)...)
		q.wait(q.place(test.waits), q.now)
		for _, pl := range held {
			if q.mustGo(pl, q.now.Add(time.Second-1)) {
				t.Errorf("%s: one must go before its time", test.name)
			}
		}
		q.now = q.now.Add(time.Second)
		went := make(map[bool]int)
		for _, pl := range held {
			if q.mustGo(pl, q.now) {
				went[pl.isProven]++
			}
		}
		if went[true] != test.want[true] || went[false] != test.want[false] {
			t.Errorf("%s: %v would go, want %v", test.name, went, test.want)
		}
	}
}

// TestPlacesUnderRandomHistories: the bound holds, every peer that waits has its turn, and none is lost.
func TestPlacesUnderRandomHistories(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 0))
		q := newQueueing()
		since := make(map[*place]time.Time) // of those that wait
		looked := make(map[*place]bool)
		for range 2000 {
			q.now = q.now.Add(time.Duration(r.IntN(40)) * time.Millisecond)
			q.wanted = nil
			for range r.IntN(3) {
				if pl := q.place(r.IntN(2) == 0); q.take(pl) {
					q.begin(pl)
				} else if q.wait(pl, q.now); !slices.Contains(q.came, pl) {
					since[pl] = q.now
				}
			}
			for pl := range since {
				if r.IntN(1000) == 0 {
					delete(since, pl)
					q.leave(pl)
				}
			}
			// What peers do: a dial ends by itself, or its peer looks whether it must go, when its time is over and when asked.
			for _, pl := range slices.Clone(q.held) {
				isOver := !pl.until.IsZero() && !q.now.Before(pl.until) && !looked[pl]
				if isOver {
					looked[pl] = true
				}
				if r.IntN(2000) == 0 || (isOver || slices.Contains(q.wanted, pl)) && q.mustGo(pl, q.now) {
					q.leave(pl)
				}
			}
			for _, pl := range q.came {
				delete(since, pl)
				if slices.Contains(q.held, pl) {
					q.begin(pl)
				}
			}
			q.came = nil
			if len(q.held) > maxDials || len(q.queue) > 0 && len(q.held) < maxDials || len(q.queue) != len(since) {
				t.Fatalf("seed %d: %d places are held, %d wait, want %d", seed, len(q.held), len(q.queue), len(since))
			}
			for _, began := range since {
				if q.now.Sub(began) > 10*time.Second {
					t.Fatalf("seed %d: one waits since %v, behind %d", seed, q.now.Sub(began), len(q.queue))
				}
			}
		}
	}
}
