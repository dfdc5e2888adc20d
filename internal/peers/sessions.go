package peers

import (
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// What a peer does with its sessions. It holds one in the long run; which, one end alone decides.

// A held is one session of the peer.
type held struct {
	link   *session.Link
	up     time.Time // zero: the other end has not accepted yet
	sealed bool      // it takes nothing new
	doomed bool      // told to close
	asked  bool      // for a pong, because there is a newer one
	over   bool      // nothing comes of it any more but its end

	traffic uint64    // at the last look
	quiet   time.Time // the traffic is the same since

	stopRotation, stopIdle func() bool // nil: not wanted
}

// stop ends its timers.
func (h *held) stop() {
	for _, stop := range []func() bool{h.stopRotation, h.stopIdle} {
		if stop != nil {
			stop()
		}
	}
}

// usable says whether calls can be made over it.
func (h *held) usable() bool { return !h.up.IsZero() && !h.sealed && !h.doomed }

// A dispute is two sessions of which one must go, or may have gone, and the verdict on them.
type dispute struct {
	older, newer *held
	verdict      verdict
}

// probed returns the session whose pong decides; nil: none does.
func (d dispute) probed() *held {
	switch {
	case d.verdict == probeOlder:
		return d.older
	case d.verdict == probeOwn && d.newer.link.Role() == handshake.Initiator:
		return d.newer
	case d.verdict == probeOwn:
		return d.older
	}
	return nil
}

func (p *peer) find(id string) *held {
	if i := slices.IndexFunc(p.sessions, func(h *held) bool { return h.link.ID() == id }); i >= 0 {
		return p.sessions[i]
	}
	return nil
}

// proved registers a session whose handshake is complete. Trust is asked again, here where its changes arrive
// in order: what was taken away since the handshake is not let in.
func (p *peer) proved(l *session.Link) {
	switch {
	case p.leaving:
		l.Close(session.Close{Reason: p.goodbye})
		return
	case !p.Trusted(p.key):
		l.Close(session.Close{Reason: envelope.ReasonRefused})
		return
	case p.crowded():
		l.Close(session.Close{Reason: envelope.ReasonBusy, Text: fmt.Sprintf("at the limit of %d sessions with one peer, and %d that are ending", maxSessions, maxEnding), RetryAfter: probeWithin})
		return
	}
	if err := p.quota.enter(len(p.sessions) == 0); err != nil {
		p.full = len(p.sessions) == 0
		p.note(Step{Addr: l.Addr(), Reason: "told to come back later: " + err.Error()})
		p.publish()
		l.Close(session.Close{Reason: envelope.ReasonBusy, Text: toldOf(err), RetryAfter: rotation(fullWait, p.Jitter())})
		return
	}
	if l.Role() == handshake.Responder { // its end may be told to its parent, if it is at this moment
		p.ctx.Watch(p.ctx.ActorSystem().NewLocalPID(l.ID()))
	}
	p.sessions = append(p.sessions, &held{link: l})
	l.Admit(p.self)
}

// crowded says whether there are as many sessions as one peer may have. If it is those that half-close, the oldest of them
// makes room: what it leads to may be dead, as after a move from one network to another.
func (p *peer) crowded() bool {
	live, closing := 0, 0
	var oldest *held
	for _, h := range p.sessions {
		switch {
		case !h.doomed:
			live++
		case !h.over:
			if closing++; oldest == nil {
				oldest = h
			}
		}
	}
	if live >= maxSessions || len(p.sessions) >= maxSessions+maxEnding {
		return true
	}
	if closing >= maxClosing {
		oldest.over = true
		oldest.link.Close(session.Close{Reason: envelope.ReasonUnresponsive})
	}
	return false
}

// up is a session that the other end has accepted too.
func (p *peer) up(l *session.Link) {
	h := p.find(l.ID())
	if h == nil {
		return
	}
	h.up = p.Clock.Now()
	p.sessions = append(slices.DeleteFunc(p.sessions, func(o *held) bool { return o == h }), h)
	p.worked(l)
	if p.leaving || !h.usable() {
		return
	}
	p.asleep, p.full = false, false
	p.keep(h)
	p.rotated(h)
	p.unschedule()
	if p.current == nil {
		p.use(h)
	}
	p.giveUp(nil)
	if !p.wasUp {
		p.wasUp = true
		p.report(Up{Key: p.key, Addr: l.Addr(), Role: l.Role(), Name: l.Hello().Name})
	}
	p.arbitrate()
}

// use makes h the session that calls use; nil: none is.
func (p *peer) use(h *held) {
	if h == nil {
		p.current = nil
		p.Directory.setLink(p, nil)
		return
	}
	if p.current == h {
		return
	}
	p.current = h
	p.failed, p.down = nil, Down{}
	p.Directory.setLink(p, h.link)
	p.become(Connected, h.link.Addr(), fmt.Sprintf("%v at %v", h.link.Role(), h.link.Addr()))
}

// other returns the usable session that came up last; nil if there is none.
func (p *peer) other() *held {
	for _, h := range slices.Backward(p.sessions) {
		if h.usable() {
			return h
		}
	}
	return nil
}

// arbitrate sees to it that of several sessions one stays, as far as this end has to (wire.md §7.4).
func (p *peer) arbitrate() {
	for {
		var live []*held
		var contenders []contender
		for _, h := range p.sessions {
			if h.usable() {
				live = append(live, h)
				contenders = append(contenders, contenderOf(h))
			}
		}
		older, newer, verdict := arbitrate(p.Self, p.key, contenders)
		if verdict == leave {
			p.dispute = dispute{}
			return
		}
		if verdict == checkOlder {
			p.dispute = dispute{}
			p.check(live)
			return
		}
		d := dispute{live[older], live[newer], verdict}
		if d == p.dispute {
			return // its probe is under way, or has left it to the other end
		}
		p.dispute = d
		if verdict == probeOlder {
			p.use(d.newer)
		}
		if h := d.probed(); h != nil {
			h.link.Probe(session.Probe{Within: probeWithin})
			return
		}
		p.decide(false)
	}
}

// decide ends one of the two in dispute.
func (p *peer) decide(alive bool) {
	d := p.dispute
	endNewer, reason := settle(d.verdict, d.newer.link.Role(), alive)
	if reason == "" {
		return
	}
	p.dispute = dispute{}
	kept, other := d.newer, d.older
	if endNewer {
		kept, other = d.older, d.newer
	}
	p.use(kept)
	if d.verdict == keepNewer {
		kept.inherit(other)
	}
	other.doomed = true
	other.link.Close(session.Close{Reason: reason})
	if reason == envelope.ReasonConflict {
		p.Tell(Conflict{Key: p.key, Older: d.older.link.Addr(), Newer: d.newer.link.Addr()})
	}
}

// check asks all but the newest of several sessions for a pong, each once. The other end decides which one stays, but
// one that it has lost it will not end, and here it looks alive (wire.md §7.4).
func (p *peer) check(live []*held) {
	newest := live[len(live)-1]
	if !slices.ContainsFunc(live, func(h *held) bool { return h.link.Role() != newest.link.Role() }) {
		p.use(newest) // the other end keeps that, if it has them all
	}
	for _, h := range live[:len(live)-1] {
		if !h.asked {
			h.asked = true
			h.link.Probe(session.Probe{Within: p.Session.PongWithin}) // a missed pong will do: there is another session
		}
	}
}

// probed is the answer to arbitrate, or to check.
func (p *peer) probed(m session.Probed) {
	if h := p.dispute.probed(); h != nil && h.link == m.Link {
		p.decide(m.Alive)
		p.arbitrate()
		return
	}
	h := p.find(m.Link.ID())
	if h == nil || !h.asked || m.Alive || !h.usable() {
		return
	}
	if !p.others(h) {
		h.asked = false
		return // it is the only one by now: liveness decides
	}
	h.doomed = true
	if p.current == h {
		p.use(p.other())
	}
	h.link.Close(session.Close{Reason: envelope.ReasonUnresponsive})
	p.arbitrate()
}

// others says whether calls can be made over another session than h.
func (p *peer) others(h *held) bool {
	return slices.ContainsFunc(p.sessions, func(o *held) bool { return o != h && o.usable() })
}

// sealed is a session over which the peer starts nothing more, and takes nothing new.
func (p *peer) sealed(m session.HalfClosed) {
	h := p.find(m.Link.ID())
	if h == nil {
		return
	}
	h.sealed = true
	if o := p.other(); m.Bye.Code == envelope.ReasonRotated && o != nil {
		o.inherit(h)
	}
	end := session.Ended{Addr: m.Link.Addr(), Reason: m.Bye.Code, Text: m.Bye.Text, RetryAfter: m.Bye.RetryAfter, ByPeer: true}
	p.without(h, end)
	p.bereft(end)
	p.arbitrate()
}

// ending is a session that says its last word, and how it will end.
func (p *peer) ending(h *held, m session.Ended) {
	h.doomed, h.over = true, true
	p.without(h, m)
	p.tellDown(m)
	p.bereft(m)
	p.arbitrate()
}

// bereft waits no longer for the successor of a session that was replaced, if that will not come up, or if the peer is not
// connected until then.
func (p *peer) bereft(m session.Ended) {
	if p.current != nil || p.pending() && p.wasUp {
		return
	}
	p.Directory.setLink(p, nil)
	if p.info.State == Connected {
		p.rest(m.Addr, fmt.Sprintf("disconnected: %s", m.Reason))
	}
}

// tellDown tells that the peer is not connected any more, if that is so after the end m of a session. It is told of the
// session that was in use last, which another one may have outlived on its way to its end.
func (p *peer) tellDown(m session.Ended) {
	if !p.wasUp || p.lasts(m.Reason) {
		return
	}
	p.wasUp = false
	if p.down.Reason == "" {
		p.down = p.downOf(m)
	}
	p.report(p.down)
	p.down = Down{}
}

func (p *peer) downOf(m session.Ended) Down {
	return Down{Key: p.key, Addr: m.Addr, Reason: m.Reason, Text: m.Text, ByPeer: m.ByPeer, Err: m.Err}
}

// without goes on without a session, of which m is the end or what will be. If there is no other to use, that
// decides when to dial again.
func (p *peer) without(h *held, m session.Ended) {
	if h == nil || p.current != h {
		return
	}
	if next := p.other(); next != nil {
		p.use(next)
		return
	}
	m.Addr = h.link.Addr()
	if !replaced(m.Reason) {
		p.down = p.downOf(m)
	}
	follows := replaced(m.Reason) && p.pending()
	if p.current = nil; !follows { // else callers find the old one closing, and wait for the next
		p.Directory.setLink(p, nil)
	}
	if p.Clock.Now().Sub(h.up) >= steadyAfter {
		p.falls = 0
	} else {
		p.falls++
	}
	if m.ByPeer && m.Reason == envelope.ReasonRevoked {
		p.failed = dialError(m.Addr, m)
	}
	p.asleep = m.Reason == envelope.ReasonIdle
	wait, ok := p.heed(m)
	why := fmt.Sprintf("disconnected: %s", m.Reason)
	if demands(m.Reason, m.ByPeer) {
		p.giveUp(ErrUnreachable) // of the round that was to replace this session: nobody waits for it
	}
	if p.round != nil { // it was to replace this one
		p.round.rotates = nil
		p.become(Dialling, m.Addr, why)
		return
	}
	if p.pending() {
		wait = max(wait, probeWithin) // it will come up before
	}
	if ok && len(p.addrs) > 0 {
		p.schedule(wait)
	}
	if follows {
		p.note(Step{Addr: m.Addr, Reason: "the session was replaced, and the next is coming up"})
		p.publish()
		return
	}
	p.rest(m.Addr, why)
}

// replaced says whether a session that ended for that reason has a successor.
func replaced(reason envelope.Reason) bool {
	return reason == envelope.ReasonDuplicate || reason == envelope.ReasonRotated
}

func (p *peer) ended(m session.Ended) {
	h := p.find(m.Session.GetId())
	if h != nil {
		p.forget(h)
	}
	p.without(h, m)
	if h != nil && h.sealed && m.ByPeer {
		p.overruled(m)
	}
	if m.ByPeer && m.Reason == envelope.ReasonConflict {
		p.Tell(Conflict{Key: p.Self, Newer: m.Addr, ByPeer: true})
	}
	if addr, ok := p.dialledTo[m.Session.GetId()]; ok {
		delete(p.dialledTo, m.Session.GetId())
		if !m.WasUp {
			p.attempted(addr, m)
		}
	}
	p.tellDown(m)
	p.bereft(m)
	p.arbitrate()
	p.settle()
}

// overruled is a half-close that may have been cut short by a bye that asks for more (wire.md §7.3).
func (p *peer) overruled(m session.Ended) {
	switch m.Reason {
	case envelope.ReasonRefused, envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy:
	default:
		return
	}
	if p.stopDue == nil {
		return
	}
	if wait, ok := p.heed(m); ok && p.Clock.Now().Add(wait).After(p.due) {
		p.schedule(wait)
		p.rest(m.Addr, fmt.Sprintf("disconnected: %s", m.Reason))
	}
}

// forget drops a session that is over.
func (p *peer) forget(h *held) {
	h.stop()
	p.sessions = slices.DeleteFunc(p.sessions, func(o *held) bool { return o == h })
	p.quota.leave(len(p.sessions) == 0)
	if p.MaxPeers > 0 || p.MaxSessions > 0 {
		p.report(vacated{})
	}
}

// gone is a session that has stopped. Only one that could not say so is still known.
func (p *peer) gone(who *actor.PID) {
	h := p.find(who.GetId())
	addr, known := p.dialledTo[who.GetId()]
	if h == nil && !known {
		return
	}
	m := session.Ended{Session: who, Addr: addr, Reason: session.ReasonLost}
	if h != nil {
		m.Link, m.Role, m.Addr, m.WasUp = h.link, h.link.Role(), h.link.Addr(), !h.up.IsZero()
	}
	p.ended(m)
}

// lasts says whether the peer is still connected though a session has ended for that reason. A session that was
// replaced may end before the one that replaces it has come up here.
func (p *peer) lasts(reason envelope.Reason) bool {
	return replaced(reason) && p.pending() || slices.ContainsFunc(p.sessions, func(h *held) bool { return !h.up.IsZero() && !h.over })
}

// pending says whether a session may still come up.
func (p *peer) pending() bool {
	return slices.ContainsFunc(p.sessions, func(h *held) bool { return h.up.IsZero() && !h.sealed && !h.doomed })
}

// heed puts off the next dial as the end of a session demands.
func (p *peer) heed(m session.Ended) (wait time.Duration, ok bool) {
	if m.ByPeer && (m.Reason == envelope.ReasonRefused || m.Reason == envelope.ReasonRevoked) {
		p.refusals++
	}
	wait, ok = redial(m.Reason, m.ByPeer, m.RetryAfter, p.refusals, p.falls, p.Jitter())
	if !ok {
		return 0, false
	}
	until := p.Clock.Now().Add(wait)
	if demands(m.Reason, m.ByPeer) {
		p.notBefore = until
	}
	for _, a := range p.addrs {
		if a.next.Before(until) {
			a.next = until
		}
	}
	return wait, true
}
