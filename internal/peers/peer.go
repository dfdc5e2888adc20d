package peers

import (
	"net/netip"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/netwatch"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A peer is the actor of one trusted key. It knows where the key may be, dials it, and holds its sessions: usually one,
// two while one takes over from the other.
//
//	unknown --sighted--> found --> dialling --up--> connected
//	   ^                   ^          |                |
//	   +------gone---------+   failed |                | ended
//	                                  +--> backing off <+
//	                                         |
//	                                         +--due, sighted, Connect--> dialling
//
// Inbound sessions lead to connected from every state. What it is told of its sessions it records as facts; reconcile
// says what follows from them, and the peer carries that out. To dial is the round's part. Only Receive touches the
// fields; dials run in goroutines that post what they found.
type peer struct {
	*Config
	facts
	ctx  actor.Context // of the message being handled
	self *actor.PID
	post func(any) // to itself, from anywhere

	counters *counters.Peer
	info     Info

	links   []*session.Link // the sessions
	counted int             // of them, in the quota

	addrs      []*address
	kept       []*address            // of those, what Connects have given, the oldest first
	notBefore  time.Time             // the peer does not want to be dialled before, at no address
	privileges candidates.Privileges // of addrs
	hints      hintLimiter           // of dials to those that are only announced

	round     *round           // not nil: dialling
	place     *place           // for the next dial: awaited, or held until the end of the message; nil: none is needed
	dials     map[*dial]bool   // under way, or not looked at yet
	join      sync.WaitGroup   // of their goroutines
	dialledTo map[string]*dial // of sessions that this node initiated, by id, until they have ended

	looked    time.Time   // when the sessions were last looked at
	armed     time.Time   // when the timer fires; zero: it does not run
	stopTimer func() bool // nil: it never ran
}

// Receive implements actor.Actor.
func (p *peer) Receive(ctx actor.Context) {
	p.ctx = ctx
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start()
	case *actor.Stopping:
		p.release()
	case finder.Change:
		p.heard(m)
	case trust.Change:
		p.named(m.Peer)
	case connect:
		p.connect(m)
	case Wake:
		p.asleep = false // since its last session ended for want of use
		p.askToDial()
	case netwatch.Change:
		p.moved(m)
	case dialled:
		p.dialled(m.dial)
	case lookedUp:
		p.lookedUp(m.lookup)
	case staggered:
		p.staggered(m.latest)
	case timerDue:
		if m.at.Equal(p.armed) {
			p.armed = time.Time{}
			p.applyFacts()
		}
	case handshakeSlow:
		if m.reservation != nil && m.round == p.round {
			m.round.reserved.CompareAndSwap(m.reservation, nil)
		}
		p.raceBeside(m.round)
	case dialAllowed:
		m.round.waits = false
		p.raceBeside(m.round)
	case roomFreed:
		if p.full {
			p.full = false
			p.askToDial()
		}
	case turnCame:
		if m.place == p.place {
			p.waiting = false
			if p.round != nil {
				p.goOn()
			} else {
				p.askToDial()
			}
		}
	case placeWanted:
		p.yieldPlace(m.place)
	case leave:
		p.leave(m.goodbye)
	case session.Proved:
		p.proved(m.Link)
	case session.Up:
		p.up(m.Link)
	case session.Greeted:
		p.recordFact(m.Link, func(s *sessionFacts) { s.recordHello(m.Link.Hello()) })
	case session.HalfClosed:
		p.halfClosed(m)
	case session.Ending:
		p.recordFact(m.Link, func(s *sessionFacts) {
			m.End.Addr, s.over = m.Link.Addr(), true
			p.recordEnd(s, m.End)
		})
	case session.RotationDue:
		p.recordFact(m.Link, func(s *sessionFacts) {
			if !s.beam {
				s.rotateAt, s.isSpent = p.Clock.Now(), true
			}
		})
	case session.Probed:
		p.recordPong(m.Link.ID(), m.Alive)
		p.applyFacts()
	case session.Ended:
		p.ended(m)
	case *actor.Terminated:
		p.post(childStopped{m.Who})
	case childStopped:
		p.childStopped(m.who)
	}
	if p.place != nil && !p.waiting { // no dial has taken it
		p.places.leave(p.place)
		p.place = nil
	}
}

func (p *peer) start() {
	system, self := p.ctx.ActorSystem(), p.ctx.Self()
	p.self, p.post = self, func(m any) { system.Root.Send(self, m) }
	p.isArbiter, p.pongWithin, p.idleAfter = p.Self.Compare(p.key) < 0, p.Session.PongWithin, p.IdleAfter
	p.dialledTo, p.dials, p.hints = make(map[string]*dial), make(map[*dial]bool), newHintLimiter()
	p.become(netip.AddrPort{}, "no address is known")
}

// leave ends every session, and the actor with the last of them. A peer that leaves because the node stops may be
// revoked then: the half-closes under way become urgent.
func (p *peer) leave(goodbye envelope.Reason) {
	if p.goodbye == "" || goodbye == envelope.ReasonRevoked {
		p.goodbye = goodbye
		p.applyFacts()
	}
}

// release cleans up when the actor stops, for whatever reason. Sessions that are the listener's children must not outlive the one that
// watches over their trust. The peer may have failed, so nothing is decided any more.
func (p *peer) release() {
	p.Directory.unregister(p)
	if p.round != nil {
		p.dropRound().answer(ErrStopping)
	}
	for _, s := range p.sessions {
		p.link(s.id).Close(session.Close{Reason: envelope.ReasonBusy})
		if s.admitted {
			p.forget(s.id)
		}
	}
	p.sessions, p.due, p.waiting = nil, time.Time{}, false
	p.arm()
	p.join.Wait()
	for d := range p.dials {
		d.close()
	}
	for _, d := range p.placed() {
		d.counted.Fail(d.dialect == handshake.BEAM)
	}
	p.leavePlaces()
}

// become records a step after which the peer is in the state that the facts say; why is for people, as part of a
// sentence. addr is where it happened, if it happened somewhere.
func (p *peer) become(addr netip.AddrPort, why string) {
	p.observe()
	if s := p.state(); s != p.info.State {
		p.Log.Debug("peer", "peer", p.key, "state", string(s), "why", why)
		p.info.State, p.info.Since = s, p.Clock.Now()
	}
	p.info.Reason = why
	p.recordStep(Step{Addr: addr, Reason: why})
}

// publish tells the directory.
func (p *peer) publish() {
	info := p.info
	info.Next, info.Asleep, info.Err = p.due, p.asleep, p.failed
	info.Addresses = make([]Address, 0, len(p.addrs))
	for _, a := range p.addrs {
		info.Addresses = append(info.Addresses, Address{a.addr, a.name, a.source, a.seen, a.result})
	}
	p.Directory.setInfo(p, info)
}

// report tells the table, which tells the node.
func (p *peer) report(event any) { p.ctx.Request(p.ctx.Parent(), event) }

// after posts a message once d has passed.
func (p *peer) after(d time.Duration, m any) (stop func() bool) {
	return p.Clock.AfterFunc(d, func() { p.post(m) })
}

// idleLooks is how often within IdleAfter it is looked whether a session was used.
const idleLooks = 4

// arm has the timer fire when there is something to decide next: a dial or a rotation is due, or a session may be idle.
func (p *peer) arm() {
	next := p.due
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	usable := p.usable()
	for _, s := range usable {
		if !p.mustStay(s) {
			sooner(s.rotateAt)
		}
		if !s.greeted && len(usable) > 1 {
			sooner(s.up.Add(helloWithin))
		}
		if p.idleAfter > 0 && !s.beam {
			sooner(s.lastUsed.Add(p.idleAfter))
			sooner(p.looked.Add(p.idleAfter / idleLooks))
		}
	}
	if next.Equal(p.armed) {
		return
	}
	if p.stopTimer != nil {
		p.stopTimer()
	}
	if p.armed = next; !next.IsZero() {
		p.stopTimer = p.after(next.Sub(p.Clock.Now()), timerDue{next})
	}
}
