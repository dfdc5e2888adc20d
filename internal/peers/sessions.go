package peers

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// What a peer records of its sessions, and how it carries out what follows.

// proved is a session whose handshake is complete.
func (p *peer) proved(l *session.Link) {
	p.leavePlace(p.dialledTo[l.ID()])
	if r := p.round; r != nil && l.Role() == handshake.Initiator {
		// If it does not come up soon, the reservation is another's to take: a relay may have passed message 2 on, and hold
		// message 3 back.
		if c := r.reserved.Load(); c != nil {
			p.afterInRound(r, patience, handshakeSlow{r, c})
		}
	}
	p.links = append(p.links, l)
	p.Dialects.Spoke(p.key, l.Dialect())
	if l.Dialect() == handshake.BEAM {
		p.Dialects.Names(p.key).Began(l.ID())
	}
	p.sessions = append(p.sessions, sessionFacts{id: l.ID(), role: l.Role(), addr: l.Addr(), beam: l.Dialect() == handshake.BEAM, chance: p.Jitter()})
	p.applyFacts()
}

// link returns the session with that id; nil: the peer does not hold it.
func (p *peer) link(id string) *session.Link {
	if i := slices.IndexFunc(p.links, func(l *session.Link) bool { return l.ID() == id }); i >= 0 {
		return p.links[i]
	}
	return nil
}

func (p *peer) forgetLink(id string) {
	p.links = slices.DeleteFunc(p.links, func(l *session.Link) bool { return l.ID() == id })
}

// recordFact keeps a fact of a session that is still known, and does what follows.
func (p *peer) recordFact(l *session.Link, fact func(*sessionFacts)) {
	if s := p.find(l.ID()); s != nil {
		fact(s)
		p.applyFacts()
	}
}

// up is a session that the other end has accepted too.
func (p *peer) up(l *session.Link) {
	if p.find(l.ID()) == nil {
		return
	}
	p.recordUp(l.ID(), p.Clock.Now())
	s := p.find(l.ID())
	s.recordHello(l.Hello())
	if s.beam {
		s.greeted = true // no hello will come
	}
	if d := p.dialledTo[l.ID()]; d != nil {
		d.counted.Up()
		d.fallsBack = false // what answers is no BEAM node
	}
	p.worked(l)
	s.traffic, _ = l.Traffic()
	s.lastUsed = s.up
	if s.role == handshake.Initiator && p.RotateAfter > 0 && !s.beam {
		s.rotateAt = s.up.Add(withJitter(p.RotateAfter, p.Jitter()))
	}
	p.applyFacts()
}

// halfClosed is a session over which the peer starts nothing more, and takes nothing new. It has said a bye.
func (p *peer) halfClosed(m session.HalfClosed) {
	p.recordFact(m.Link, func(s *sessionFacts) {
		s.halfClosed = true
		if usable := p.usable(); m.Bye.Code == envelope.ReasonRotated && len(usable) > 0 {
			usable[len(usable)-1].inherit(s)
		}
		p.recordEnd(s, session.Ended{Addr: s.addr, Reason: m.Bye.Code, Text: m.Bye.Text, RetryAfter: m.Bye.RetryAfter, ByPeer: true})
	})
}

// ended records how a session ended; reconcile decides what follows.
func (p *peer) ended(m session.Ended) {
	id := m.Session.GetId()
	if m.ByPeer && m.Reason == envelope.ReasonConflict {
		p.report(Conflict{Key: p.Self, Newer: m.Addr, By: p.key})
	}
	if s := p.find(id); s != nil {
		s.ended, s.chance = true, p.Jitter()
		m = p.reasonOfEnd(s, m)
		if s.beam && (m.WasUp || s.role == handshake.Responder) { // else it is a dial that has failed
			p.Dialects.Closed(p.key)
		}
		p.recordEnd(s, m)
		p.applyFacts()
	}
	if d := p.dialledTo[id]; d != nil {
		delete(p.dialledTo, id)
		p.leavePlace(d)
		if d.gaveUp {
			m.Err = errGaveUp
		}
		if !m.WasUp {
			p.handshakeFailed(d, m)
		}
	}
}

// childStopped is a session that has stopped. Only one that could not say so is still known.
func (p *peer) childStopped(who *actor.PID) {
	m := session.Ended{Session: who, Reason: session.ReasonLost}
	if s := p.find(who.GetId()); s != nil {
		m.Link, m.Role, m.Addr, m.WasUp = p.link(s.id), s.role, s.addr, !s.up.IsZero()
	}
	p.ended(m)
}

// observe records what the dialer does and knows, and what the sessions were used for.
func (p *peer) observe() {
	p.looked = p.Clock.Now()
	for i := range p.sessions {
		if s := &p.sessions[i]; s.isUsable() {
			n, inFlight := p.link(s.id).Traffic()
			s.recordTraffic(n, inFlight, p.looked)
		}
	}
	p.dialling, p.hasAddress, p.isSeen, p.shown = p.round != nil, len(p.addrs) > 0, p.somewhere(), p.info.State
}

// applyFacts does what reconcile decides from the facts, in the order in which the actions stand.
func (p *peer) applyFacts() {
	p.observe()
	var do actions
	trusted := p.goodbye == "" && p.has(sessionFacts.isNewcomer) && p.Trusted(p.key) // of those that were let in before, revoke tells
	p.facts, do = reconcile(p.facts, trusted, p.Clock.Now())
	var ended *round
	if do.endRound {
		ended = p.dropRound()
	}
	p.pause(do.pause)
	for _, addr := range do.doubt {
		p.doubt(addr)
	}
	if do.offer {
		p.Directory.setLink(p, p.link(p.offered))
	}
	if do.history != nil {
		p.recordStep(*do.history)
	}
	if do.step != nil {
		p.become(do.step.Addr, do.step.Reason)
	}
	for _, c := range do.close {
		if p.link(c.id).Dialect() == handshake.BEAM {
			c.Hold = p.Dialects.HoldClose(p.key)
		}
		p.link(c.id).Close(c.Close)
		if p.find(c.id) == nil {
			p.forgetLink(c.id) // it was not let in
		}
	}
	for _, b := range do.probe {
		p.link(b.id).Probe(session.Probe{Within: b.within})
	}
	for _, id := range do.forget {
		p.forget(id)
	}
	for _, id := range do.admit {
		p.admit(id)
	}
	for _, event := range do.report {
		p.report(event)
	}
	if ended != nil {
		ended.answer(do.answer)
	}
	p.arm()
	if do.stop {
		p.ctx.Stop(p.self)
	}
	if do.dial {
		_ = p.begin(nil, false) // the state gives the reason
	}
	if do.rotate != "" {
		p.rotate(do.rotate)
	}
}

// admit lets a session in if the quota has room.
func (p *peer) admit(id string) {
	s, l := p.find(id), p.link(id)
	if s.noRoom = p.quota.enter(p.counted == 0); s.noRoom != nil {
		p.applyFacts()
		return
	}
	p.counted++
	if s.role == handshake.Responder { // its end may be told to its parent, if it is at this moment
		p.ctx.Watch(p.ctx.ActorSystem().NewLocalPID(id))
	}
	l.Admit(p.self)
}

// forget drops a session that has ended.
func (p *peer) forget(id string) {
	p.forgetLink(id)
	p.counted--
	p.quota.leave(p.counted == 0)
	if p.MaxPeers > 0 || p.MaxSessions > 0 {
		p.report(roomFreed{})
	}
}

// pause has no known address dialled before its time. A round that is under way still dials the addresses that it has, but
// takes none of them in again. A zero pause changes nothing.
func (p *peer) pause(o pause) {
	if o.isDemand {
		p.notBefore = o.until
	}
	for _, a := range p.addrs {
		if a.next.Before(o.until) {
			a.next = o.until
		}
	}
}
