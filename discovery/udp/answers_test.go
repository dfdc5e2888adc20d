package udp

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// heardOf is a voice whose key and address have this number.
func heardOf(n, link int) voice { return voice{key: key(n), link: link} }

func TestAKeyIsAnsweredTheFirstTimeAndAtMostOnceASecondPerLink(t *testing.T) {
	const ms = time.Millisecond
	began := time.Now()
	a := newAnswers()
	for i, step := range []struct {
		at     time.Duration
		voice  voice // of no key: none is heard
		jitter float64
		fresh  bool
		links  []int         // answered
		next   time.Duration // -1: nothing is due
	}{
		{at: 0, voice: heardOf(1, 2), jitter: 0.5, fresh: true, next: 50 * ms},
		{at: 10 * ms, voice: heardOf(2, 2), jitter: 0, next: 50 * ms}, // the same answer serves both
		{at: 10 * ms, voice: heardOf(1, 3), jitter: 0.9, fresh: true, next: 50 * ms},
		{at: 49 * ms, next: 50 * ms},
		{at: 50 * ms, links: []int{2}, next: 100 * ms},
		{at: 60 * ms, voice: heardOf(1, 2), next: 100 * ms}, // known
		{at: 60 * ms, voice: heardOf(3, 2), jitter: 0.1, fresh: true, next: 100 * ms},
		{at: 200 * ms, links: []int{3}, next: 1050 * ms},
		{at: 1049 * ms, next: 1050 * ms},
		{at: 1050 * ms, links: []int{2}, next: -1},
		{at: 14 * time.Second, voice: heardOf(1, 2), next: -1},
		{at: 28 * time.Second, voice: heardOf(1, 2), next: -1}, // 14 s after the last time
		{at: 43 * time.Second, voice: heardOf(1, 2), jitter: 0.5, fresh: true, next: 43050 * ms},
		{at: 43 * time.Second, voice: heardOf(4, 3), jitter: 0.9, fresh: true, next: 43050 * ms},
		{at: 43100 * ms, links: []int{2, 3}, next: -1},
	} {
		now := began.Add(step.at)
		fresh := false
		if step.voice != (voice{}) {
			fresh = a.hear(now, step.voice, step.jitter)
		}
		links := a.take(now)
		slices.Sort(links)
		next := time.Duration(-1)
		if at := a.next(); !at.IsZero() {
			next = at.Sub(began)
		}
		if fresh != step.fresh || !slices.Equal(links, step.links) || next != step.next {
			t.Errorf("step %d: fresh %v, links %v, next %v, want %v, %v, %v", i, fresh, links, next, step.fresh, step.links, step.next)
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
		fresh := a.hear(now, voice{key(1), netip.MustParseAddrPort(c.addr), 2}, 0)
		if fresh != c.fresh {
			t.Errorf("%s: fresh %v", c.addr, fresh)
		}
		a.announced()
	}
}

func TestAnAnnounceOnEveryLinkAnswersAll(t *testing.T) {
	now := time.Now()
	a := newAnswers()
	a.hear(now, heardOf(1, 2), 0)
	a.announced()
	if links := a.take(now); len(links) > 0 || !a.next().IsZero() {
		t.Errorf("due on %v, next %v", links, a.next())
	}
	// It is no answer: the next may follow at once.
	if !a.hear(now, heardOf(2, 2), 0) || !slices.Equal(a.take(now), []int{2}) {
		t.Error("nothing is due")
	}
}

func TestLinksThatAreGoneAreForgotten(t *testing.T) {
	now := time.Now()
	a := newAnswers()
	for _, link := range []int{2, 3} {
		a.hear(now, heardOf(1, link), 0)
	}
	a.take(now)
	for _, link := range []int{2, 3} {
		a.hear(now, heardOf(2, link), 0)
	}
	a.keep([]link{{index: 3}})
	if len(a.heard) != 2 || len(a.due) != 1 || len(a.last) != 1 {
		t.Errorf("%d heard, %d due, %d answered", len(a.heard), len(a.due), len(a.last))
	}
	a.keep(nil)
	if len(a.heard)+len(a.due)+len(a.last) != 0 {
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
		if len(a.heard) > maxHeard {
			t.Fatalf("%d are remembered", len(a.heard))
		}
		a.hear(now, heardOf(0, 2), 0)
		now = now.Add(100 * time.Millisecond)
		answered += len(a.take(now))
	}
	if answered < 9 || answered > 10 {
		t.Errorf("%d answers in 10 s", answered)
	}
	a.announced()
	if a.hear(now, heardOf(0, 2), 0) {
		t.Error("a key heard all the time counts as new")
	}

	// The flood has ended, and what it left is too old.
	now = now.Add(holds)
	a.hear(now, heardOf(-1, 2), 0)
	if len(a.heard) != 1 {
		t.Errorf("%d are remembered", len(a.heard))
	}
}
