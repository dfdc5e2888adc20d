package peers

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// rotationRetry is at least the time between two attempts to rotate a session (wire.md §7.4).
const rotationRetry = time.Minute

// keep starts what goes on for as long as a session is up.
func (p *peer) keep(h *handle) {
	if h.link.Role() == handshake.Initiator && p.RotateAfter > 0 {
		p.rotateIn(h, withJitter(p.RotateAfter, p.Jitter()))
	}
	if p.IdleAfter > 0 {
		h.traffic, _ = h.link.Traffic()
		h.lastUsed = p.Clock.Now()
		p.lookIn(h, p.IdleAfter/idleLooks)
	}
}

func (p *peer) rotateIn(h *handle, d time.Duration) {
	stopTimer(h.stopRotation)
	h.stopRotation = p.after(d, rotationDue{h.link})
}

// rotateAgain tries again later to rotate a session.
func (p *peer) rotateAgain(h *handle) { p.rotateIn(h, withJitter(rotationRetry, p.Jitter())) }

// rotationDue replaces a session, if it is still the one in use: make before break (wire.md §7.4). If that has to
// wait, or fails, it is tried again; see endRound.
func (p *peer) rotationDue(l *session.Link) {
	s, h := p.find(l.ID()), p.handles[l.ID()]
	switch {
	case s == nil || !s.isUsable():
		return
	case p.round != nil || p.used != s.id || p.hasOther(s.id):
		p.rotateAgain(h)
		return
	}
	var named []netip.AddrPort
	if addr, ok := p.dialledTo[s.id]; ok {
		named = append(named, addr)
	}
	if err := p.begin(named, false); err != nil {
		p.note(Step{Addr: s.addr, Reason: "the session cannot be rotated yet: " + err.Error()})
		p.rotateAgain(h)
		return
	}
	p.round.rotates = s.id
}
