package peers

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// What a peer does with its sessions. It holds one in the long run; which, one end alone decides.

func (p *peer) find(l *session.Link) *held {
	if i := slices.IndexFunc(p.sessions, func(h *held) bool { return h.link == l }); i >= 0 {
		return p.sessions[i]
	}
	return nil
}

// proved registers a session whose handshake is complete. Trust is asked again, here where its changes arrive
// in order: what was taken away since the handshake is not let in.
func (p *peer) proved(l *session.Link) {
	if p.leaving || !p.Trusted(p.key) {
		l.Close(session.Close{Reason: envelope.ReasonRefused})
		return
	}
	p.sessions = append(p.sessions, &held{link: l})
	l.Admit(p.self)
}

// up is a session that the other end has accepted too.
func (p *peer) up(l *session.Link) {
	h := p.find(l)
	if h == nil {
		return
	}
	h.up = true
	p.refusals, p.notBefore = 0, time.Time{}
	if l.Role() == handshake.Initiator {
		for _, a := range p.addrs {
			if a.addr == l.Addr() {
				a.proven, a.failures, a.result = p.Clock.Now(), 0, "connected"
			}
		}
	}
	if p.leaving || h.doomed {
		return
	}
	p.unschedule()
	p.giveUp(nil)
	if p.current == nil {
		p.use(h)
	}
	p.become(Connected, fmt.Sprintf("%v at %v", l.Role(), l.Addr()))
	if !p.wasUp {
		p.wasUp = true
		p.Tell(Up{Key: p.key, Addr: l.Addr(), Role: l.Role(), Name: l.Hello().Name})
	}
	p.settleTwo()
}

// use makes h the session that calls use.
func (p *peer) use(h *held) {
	p.current = h
	if h == nil {
		p.Directory.setLink(p, nil)
		return
	}
	p.Directory.setLink(p, h.link)
}

// settleTwo decides between two sessions that are up, if this end is the one to decide (wire.md §7.4).
func (p *peer) settleTwo() {
	var live []*held
	for _, h := range p.sessions {
		if h.up && !h.sealed && !h.doomed {
			live = append(live, h)
		}
	}
	if len(live) < 2 {
		return
	}
	older, newer := live[len(live)-2], live[len(live)-1]
	switch arbitrate(p.Self, p.key, older.link.Role(), newer.link.Role()) {
	case keepNew:
		p.keep(newer, older)
	case probeOwn:
		own := older
		if newer.link.Role() == handshake.Initiator {
			own = newer
		}
		own.link.Probe(session.Probe{Within: probeWithin})
	}
}

// keep makes one of two sessions the only one.
func (p *peer) keep(kept, other *held) {
	p.use(kept)
	other.doomed = true
	other.link.Close(session.Close{Reason: envelope.ReasonDuplicate})
}

// probed is the answer to settleTwo: whether the session that this end initiated is alive.
func (p *peer) probed(m session.Probed) {
	own := p.find(m.Link)
	if own == nil || own.doomed || own.sealed {
		return
	}
	for _, other := range p.sessions {
		if other == own || !other.up || other.sealed || other.doomed || other.link.Role() == own.link.Role() {
			continue
		}
		if m.Alive {
			p.keep(own, other)
		} else {
			p.keep(other, own)
		}
		return
	}
}

// sealed is a session over which the peer starts nothing more, and takes nothing new.
func (p *peer) sealed(m session.Sealed) {
	h := p.find(m.Link)
	if h == nil {
		return
	}
	h.sealed = true
	if p.current == h {
		p.use(p.other(h))
	}
}

// other returns a session that is up and takes calls, other than h; nil if there is none.
func (p *peer) other(h *held) *held {
	for _, o := range slices.Backward(p.sessions) {
		if o != h && o.up && !o.sealed && !o.doomed {
			return o
		}
	}
	return nil
}

func (p *peer) ended(m session.Ended) {
	var h *held
	if m.Link != nil {
		h = p.find(m.Link)
		p.sessions = slices.DeleteFunc(p.sessions, func(o *held) bool { return o == h })
	}
	if h != nil && p.current == h {
		p.use(p.other(h))
	}
	if r := p.round; r != nil && r.session != nil && r.session.Equal(m.Session) && !m.WasUp {
		r.session = nil
		p.attempted(m)
	}
	if p.wasUp && !slices.ContainsFunc(p.sessions, func(o *held) bool { return o.up }) {
		p.wasUp = false
		p.Tell(Down{Key: p.key, Addr: m.Addr, Reason: m.Reason, Text: m.Text, ByPeer: m.ByPeer, Err: m.Err})
		if !p.leaving {
			p.again(m)
		}
	}
	p.settle()
}

// attempted is a session of the round that did not come up.
func (p *peer) attempted(m session.Ended) {
	err := dialError(m)
	p.tried(m.Addr, err)
	if !m.ByPeer {
		p.next(err)
		return
	}
	// The peer itself has answered: there is no use in its other addresses.
	p.heed(m)
	p.round.left = nil
	p.next(err)
}

// heed puts off the next dial as the peer's bye demands.
func (p *peer) heed(m session.Ended) (wait time.Duration, ok bool) {
	if m.ByPeer && (m.Reason == envelope.ReasonRefused || m.Reason == envelope.ReasonRevoked) {
		p.refusals++
	}
	wait, ok = redial(m.Reason, m.ByPeer, m.RetryAfter, p.refusals, p.Jitter())
	if !ok {
		return 0, false
	}
	p.notBefore = p.Clock.Now().Add(wait)
	for _, a := range p.addrs {
		if a.next.Before(p.notBefore) {
			a.next = p.notBefore
		}
	}
	return wait, true
}

// again decides whether to dial again once the last session has ended.
func (p *peer) again(m session.Ended) {
	if p.round != nil {
		return
	}
	if wait, ok := p.heed(m); ok && len(p.addrs) > 0 {
		p.schedule(wait)
	}
	p.rest(fmt.Sprintf("disconnected: %s", m.Reason))
}
