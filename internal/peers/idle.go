package peers

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// idleLooks is how often within IdleAfter it is looked whether a session was used.
const idleLooks = 4

func (p *peer) lookIn(h *handle, d time.Duration) { h.stopIdle = p.after(d, idleDue{h.link}) }

// idleDue looks whether a session was used, and has it end if nobody has used it for IdleAfter.
func (p *peer) idleDue(l *session.Link) {
	s, h := p.find(l.ID()), p.handles[l.ID()]
	if s == nil || !s.isUsable() {
		return
	}
	now := p.Clock.Now()
	if n, inFlight := l.Traffic(); inFlight || n != h.traffic {
		h.traffic, h.lastUsed = n, now
	}
	if left := p.IdleAfter - now.Sub(h.lastUsed); left > 0 {
		p.lookIn(h, min(left, p.IdleAfter/idleLooks))
		return
	}
	s.unused = true
	p.reconcile()
}

// inherit counts the time that the session that h replaces was not used.
func (h *handle) inherit(old *handle) {
	if n, inFlight := old.link.Traffic(); !inFlight && n == old.traffic {
		h.lastUsed = old.lastUsed
	}
}

// wake dials a peer that sleeps since its last session ended for want of use.
func (p *peer) wake() {
	p.asleep = false
	p.dial()
}
