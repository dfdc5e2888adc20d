package peers

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// What a peer does with a session that is well: replaces it when it is old, ends it when nobody needs it, and asks
// for a sign of life when the network has changed.

// keep starts what goes on for as long as a session is up.
func (p *peer) keep(h *held) {
	if h.link.Role() == handshake.Initiator && p.RotateAfter > 0 {
		p.rotateIn(h, rotation(p.RotateAfter, p.Jitter()))
	}
	if p.IdleAfter > 0 {
		h.traffic, _ = h.link.Traffic()
		h.quiet = p.Clock.Now()
		p.lookIn(h, p.IdleAfter/idleLooks)
	}
}

func (p *peer) rotateIn(h *held, d time.Duration) {
	if h.stopRotation != nil {
		h.stopRotation()
	}
	h.stopRotation = p.after(d, rotationDue{h.link})
}

func (p *peer) lookIn(h *held, d time.Duration) { h.stopIdle = p.after(d, idleDue{h.link}) }

// rotationDue replaces a session, if it is still the one in use: make before break (wire.md §7.4). If that has to
// wait, or fails, it is tried again; see giveUp.
func (p *peer) rotationDue(l *session.Link) {
	h := p.find(l.ID())
	switch {
	case p.leaving || h == nil || !h.usable():
		return
	case p.round != nil || p.current != h || p.others(h):
		p.rotateIn(h, p.rotationRetry())
		return
	}
	var named []netip.AddrPort
	if addr, ok := p.dialledTo[l.ID()]; ok {
		named = append(named, addr)
	}
	if err := p.begin(named, false); err != nil {
		p.note(Step{Addr: l.Addr(), Reason: "the session cannot be rotated yet: " + err.Error()})
		p.publish()
		p.rotateIn(h, p.rotationRetry())
		return
	}
	p.round.rotates = h
}

func (p *peer) rotationRetry() time.Duration { return rotation(rotationRetry, p.Jitter()) }

// rotated ends the session that h, which has just come up, was dialled to replace. If the peer has another boot by
// now, the boot rule decides instead.
func (p *peer) rotated(h *held) {
	r := p.round
	if r == nil || r.rotates == nil || !r.has(h.link.ID()) {
		return
	}
	old := r.rotates
	if !old.usable() || contenderOf(h).otherBoot(contenderOf(old)) {
		return
	}
	p.use(h)
	h.inherit(old)
	old.doomed = true
	old.link.Close(session.Close{Reason: envelope.ReasonRotated})
}

// inherit counts the time that the session that h replaces was not used.
func (h *held) inherit(old *held) {
	if n, inFlight := old.link.Traffic(); !inFlight && n == old.traffic {
		h.quiet = old.quiet
	}
}

// idleDue ends a session that nobody has used for IdleAfter.
func (p *peer) idleDue(l *session.Link) {
	h := p.find(l.ID())
	if p.leaving || h == nil || !h.usable() {
		return
	}
	now := p.Clock.Now()
	if n, inFlight := l.Traffic(); inFlight || n != h.traffic {
		h.traffic, h.quiet = n, now
	}
	if left := p.IdleAfter - now.Sub(h.quiet); left > 0 {
		p.lookIn(h, min(left, p.IdleAfter/idleLooks))
		return
	}
	h.doomed = true
	l.Close(session.Close{Reason: envelope.ReasonIdle})
	p.without(h, session.Ended{Reason: envelope.ReasonIdle, Addr: l.Addr()})
	p.arbitrate()
}

// wake dials a peer that sleeps since its last session ended for want of use.
func (p *peer) wake() {
	p.asleep = false
	p.dial()
}

// moved is a change of the machine's addresses, or the end of its sleep (wire.md §7.5).
func (p *peer) moved(m Moved) {
	why := "this machine's addresses have changed"
	if m.Change.Slept > 0 {
		why = "this machine was asleep"
	}
	p.note(Step{Reason: why})
	for _, h := range slices.Clone(p.sessions) {
		switch {
		case h.over:
		case m.Change.IsGone(h.link.Local()):
			h.link.Close(session.Close{Reason: envelope.ReasonUnresponsive})
			p.ending(h, session.Ended{Reason: envelope.ReasonUnresponsive, Addr: h.link.Addr(), Err: errAddressGone})
		default:
			h.link.Check()
		}
	}
	p.falls = 0
	for _, a := range p.addrs {
		a.failures, a.next = 0, p.notBefore
	}
	p.publish()
	if p.round != nil {
		p.raceAnew()
		return
	}
	p.dial()
}

// errAddressGone is why a session ends whose local address this machine does not have any more.
var errAddressGone = errors.New("this machine does not have the address any more from which the connection was made")
