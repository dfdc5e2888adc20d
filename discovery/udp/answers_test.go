package udp

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// heardOf is a key of this number, heard on an interface.
func heardOf(n, on int) heardKey { return heardKey{key: key(n), on: on} }

func TestAKeyIsAnsweredTheFirstTimeAndAtMostOnceASecondPerInterface(t *testing.T) {
	const ms = time.Millisecond
	began := time.Now()
	a := newAnswers()
	for i, step := range []struct {
		at     time.Duration
		key    heardKey // zero: none is heard
		jitter float64
		fresh  bool
		on     []int         // where it is answered
		next   time.Duration // -1: nothing is due
	}{
		{at: 0, key: heardOf(1, 2), jitter: 0.5, fresh: true, next: 50 * ms},
		{at: 10 * ms, key: heardOf(2, 2), jitter: 0, next: 50 * ms}, // the same answer serves both
		{at: 10 * ms, key: heardOf(1, 3), jitter: 0.9, fresh: true, next: 50 * ms},
		{at: 49 * ms, next: 50 * ms},
		{at: 50 * ms, on: []int{2}, next: 100 * ms},
		{at: 60 * ms, key: heardOf(1, 2), next: 100 * ms}, // known
		{at: 60 * ms, key: heardOf(3, 2), jitter: 0.1, fresh: true, next: 100 * ms},
		{at: 200 * ms, on: []int{3}, next: 1050 * ms},
		{at: 1049 * ms, next: 1050 * ms},
		{at: 1050 * ms, on: []int{2}, next: -1},
		{at: 14 * time.Second, key: heardOf(1, 2), next: -1},
		{at: 28 * time.Second, key: heardOf(1, 2), next: -1}, // 14 s after the last time
		{at: 43 * time.Second, key: heardOf(1, 2), jitter: 0.5, fresh: true, next: 43050 * ms},
		{at: 43 * time.Second, key: heardOf(4, 3), jitter: 0.9, fresh: true, next: 43050 * ms},
		{at: 43100 * ms, on: []int{2, 3}, next: -1},
	} {
		now := began.Add(step.at)
		fresh := false
		if step.key != (heardKey{}) {
			fresh = a.hear(now, step.key, step.jitter)
		}
		on := a.take(now)
		slices.Sort(on)
		next := time.Duration(-1)
		if at := a.next(); !at.IsZero() {
			next = at.Sub(began)
		}
		if fresh != step.fresh || !slices.Equal(on, step.on) || next != step.next {
			t.Errorf("step %d: fresh %v, on %v, next %v, want %v, %v, %v", i, fresh, on, next, step.fresh, step.on, step.next)
		}
	}
}

func TestAKnownKeyAtAnotherAddressIsNew(t *testing.T) {
	now := time.Now()
	a := newAnswers()
	for _, c := range []struct {
		addr  string
		fresh bool
	}{{"10.0.0.7:7100", true}, {"10.0.0.7:7100", false}, {"10.0.0.7:7101", true}, {"10.0.0.8:7100", true}, {"10.0.0.7:7100", false}} {
		fresh := a.hear(now, heardKey{key(1), netip.MustParseAddrPort(c.addr), 2}, 0)
		if fresh != c.fresh {
			t.Errorf("%s: fresh %v", c.addr, fresh)
		}
		a.clear()
	}
}

func TestAnAnnounceOnEveryInterfaceAnswersAll(t *testing.T) {
	now := time.Now()
	a := newAnswers()
	a.hear(now, heardOf(1, 2), 0)
	a.clear()
	if due := a.take(now); len(due) > 0 || !a.next().IsZero() {
		t.Errorf("due on %v, next %v", due, a.next())
	}
	// It is no answer: the next may follow at once.
	if !a.hear(now, heardOf(2, 2), 0) || !slices.Equal(a.take(now), []int{2}) {
		t.Error("nothing is due")
	}
}

func TestAnswersAreForgottenOnceTheyHoldUpNoOther(t *testing.T) {
	now := time.Now()
	a := newAnswers()
	a.hear(now, heardOf(1, 2), 0)
	a.take(now)
	if a.take(now.Add(answerEvery - 1)); len(a.last) != 1 {
		t.Errorf("%d answered", len(a.last))
	}
	if a.take(now.Add(answerEvery)); len(a.last) != 0 {
		t.Error("something is left")
	}
}

func TestAFloodOfKeysIsForgottenAndThoseKnownAreNot(t *testing.T) {
	now := time.Now()
	a := newAnswers()
	a.hear(now, heardOf(0, 2), 0)
	answered, forged := 0, 0
	for range 100 { // 10 s
		for range 1000 {
			forged++
			a.hear(now, heardOf(forged, 2), 0.5)
		}
		a.hear(now, heardOf(0, 2), 0)
		now = now.Add(100 * time.Millisecond)
		answered += len(a.take(now))
	}
	if answered < 9 || answered > 10 {
		t.Errorf("%d answers in 10 s", answered)
	}
	a.clear()
	if a.hear(now, heardOf(0, 2), 0) {
		t.Error("a key heard all the time counts as new")
	}

	// The flood has ended, and what it left is too old.
	now = now.Add(announceTTL)
	a.hear(now, heardOf(-1, 2), 0)
	a.clear()
	if a.hear(now, heardOf(-1, 2), 0) {
		t.Error("a new key is not remembered after the flood")
	}
}
