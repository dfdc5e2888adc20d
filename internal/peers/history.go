package peers

import (
	"net/netip"
	"slices"
	"time"
)

const (
	keepSteps = 32 // of a peer's history; older ones are forgotten
	maxCycle  = 8  // steps that may come again and again, to be told once
)

// A Step is something that happened to a peer, once or several times.
type Step struct {
	At     time.Time
	State  State          // after it
	Addr   netip.AddrPort // where, if it happened somewhere
	Source string         // who said so, of an address that was heard or withdrawn
	Reason string         // why, as part of a sentence
	Times  int            // occurrences; neighbours with the same number repeated as a group
	Last   time.Time      // the last time; At is the first
}

// isSame says whether s and t differ only in when they happened.
func (s Step) isSame(t Step) bool {
	return s.State == t.State && s.Addr == t.Addr && s.Source == t.Source && s.Reason == t.Reason
}

// recordStep adds a step to the history, and tells the directory.
func (p *peer) recordStep(s Step) {
	now := p.Clock.Now()
	s.At, s.Last, s.Times, s.State = now, now, 1, p.info.State
	// Always a new array: the directory has handed out the old one.
	h := make([]Step, 0, len(p.info.History)+1)
	h = fold(append(append(h, p.info.History...), s))
	if len(h) > keepSteps {
		i := oldestStep(h)
		h = slices.Delete(h, i, i+1)
	}
	p.info.History = h
	p.publish()
}

// fold merges the last steps with the same ones before them, so that hours of failed dials do not push out what came
// before.
func fold(h []Step) []Step {
	for n := 1; n <= maxCycle && 2*n <= len(h); n++ {
		before, last := h[len(h)-2*n:len(h)-n], h[len(h)-n:]
		if !slices.EqualFunc(before, last, Step.isSame) {
			continue
		}
		for i := range before {
			before[i].Times += last[i].Times
			before[i].Last = last[i].Last
		}
		return h[:len(h)-n]
	}
	return h
}

// oldestStep returns the step to forget: the oldest, unless it is the last time that the peer was connected, or the step after
// that, which says how it ended. h has more than three steps.
func oldestStep(h []Step) int {
	isConnected := func(s Step) bool { return s.State == Connected }
	if isConnected(h[0]) && !slices.ContainsFunc(h[1:], isConnected) {
		return 2
	}
	return 0
}
