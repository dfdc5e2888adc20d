package peers

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A peer is the actor of one trusted key. It knows where the key may be, dials it, and holds its sessions:
// usually one, two while one takes over from the other.
//
//	unknown --sighted--> found --> dialling --up--> connected
//	   ^                   ^          |                |
//	   +------gone---------+   failed |                | ended
//	                                  +--> backing off <+
//	                                         |
//	                                         +--due, sighted, Connect--> dialling
//
// Inbound sessions lead to connected from every state. Only Receive touches its fields; dials run in goroutines
// that post what they found.
type peer struct {
	*Config
	key  identity.PublicKey
	ctx  actor.Context // of the message being handled
	self *actor.PID

	counters *counters.Peer
	info     Info
	addrs    []*address

	round *round         // not nil: dialling
	dials map[*dial]bool // under way, or not looked at yet
	join  sync.WaitGroup // of their goroutines

	// dialledTo is where sessions that this node initiated were dialled, by id, until they have ended.
	dialledTo map[string]netip.AddrPort

	sessions []*held // those that are up last, in the order they came up
	current  *held   // the one that calls use
	dispute  dispute // about two of them, until a probe is answered; zero: none
	wasUp    bool    // Up was told, Down was not
	down     Down    // what to tell of the end of the session that was used last, if wasUp
	full     bool    // not dialled, or told to come back, for want of room
	asleep   bool    // the last session ended for want of use: not dialled unless somebody asks

	privileges candidates.Privileges // of addrs
	hints      hintLimiter           // of dials to those that are only announced
	refusals   int                   // in a row
	falls      int                   // sessions in a row that ended soon after they came up
	notBefore  time.Time             // no dial by itself before
	serial     int                   // of the redial timer that counts
	stopDue    func() bool
	due        time.Time // when it fires; zero: there is none
	failed     error     // why the last round failed; nil once a session was up
	history    []Step    // oldest first

	leaving bool            // revoked or stopped: nothing new, and gone once no session is left
	goodbye envelope.Reason // why, if leaving
}

// Receive implements actor.Actor.
func (p *peer) Receive(ctx actor.Context) {
	p.ctx = ctx
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self = ctx.Self()
		p.dials, p.dialledTo, p.hints = make(map[*dial]bool), make(map[string]netip.AddrPort), newHintLimiter()
		p.become(Unknown, netip.AddrPort{}, "no address is known")
	case *actor.Stopping:
		p.abandon()
	case Sighted:
		p.sighted(m)
	case connect:
		p.connect(m)
	case Wake:
		p.wake()
	case Moved:
		p.moved(m)
	case Inbound:
		p.proved(m.Link)
	case dialled:
		p.dialled(m.dial)
	case staggered:
		p.staggered(m.latest)
	case redialDue:
		if m.serial == p.serial {
			p.stopDue, p.due = nil, time.Time{}
			p.dial()
		}
	case impatient:
		if m.claim != nil && m.round == p.round {
			m.round.claimed.CompareAndSwap(m.claim, nil)
		}
		p.hurry(m.round)
	case affordable:
		m.round.saving = false
		p.hurry(m.round)
	case rotationDue:
		p.rotationDue(m.link)
	case idleDue:
		p.idleDue(m.link)
	case roomy:
		if p.full {
			p.full = false
			p.dial()
		}
	case revoke:
		p.leave(envelope.ReasonRevoked, ErrNotTrusted)
	case stop:
		p.leave(envelope.ReasonShutdown, ErrStopping)
	case session.Proved:
		p.proving()
		p.proved(m.Link)
	case session.Up:
		p.up(m.Link)
	case session.Greeted:
		p.arbitrate()
	case session.HalfClosed:
		p.sealed(m)
	case session.Ending:
		if h := p.find(m.Link.ID()); h != nil {
			m.End.Addr = m.Link.Addr()
			p.ending(h, m.End)
		}
	case session.RotationDue:
		p.rotationDue(m.Link)
	case session.Probed:
		p.probed(m)
	case session.Ended:
		p.ended(m)
	case *actor.Terminated:
		ctx.Send(p.self, gone{m.Who})
	case gone:
		p.gone(m.who)
	}
}

// become enters a state; why is for people, as part of a sentence. addr is where it happens, if it happens somewhere.
func (p *peer) become(s State, addr netip.AddrPort, why string) {
	if s != p.info.State {
		p.Log.Debug("peer", "peer", p.key, "state", string(s), "why", why)
		p.info.Since = p.Clock.Now()
	}
	p.info.State, p.info.Reason = s, why
	p.note(Step{Addr: addr, Reason: why})
	p.publish()
}

// publish tells the directory.
func (p *peer) publish() {
	info := p.info
	info.History, info.Next, info.Asleep, info.Err = p.history, p.due, p.asleep, p.failed
	info.Addresses = make([]Address, 0, len(p.addrs))
	for _, a := range p.addrs {
		info.Addresses = append(info.Addresses, Address{a.addr, a.source, a.seen, a.result})
	}
	p.Directory.setInfo(p, info)
}

// rest enters the state of a peer that is neither connected nor being dialled.
func (p *peer) rest(addr netip.AddrPort, why string) {
	switch {
	case p.stopDue != nil:
		p.become(BackingOff, addr, why)
	case p.somewhere():
		p.become(Found, addr, why)
	default:
		p.become(Unknown, addr, why)
	}
}

// report tells the table, which tells the node.
func (p *peer) report(event any) { p.ctx.Request(p.ctx.Parent(), event) }

func (p *peer) schedule(d time.Duration) {
	p.unschedule()
	p.due = p.Clock.Now().Add(d)
	p.stopDue = p.after(d, redialDue{p.serial})
}

// after posts a message once d has passed.
func (p *peer) after(d time.Duration, m any) (stop func() bool) {
	system, self := p.ctx.ActorSystem(), p.self
	return p.Clock.AfterFunc(d, func() { system.Root.Send(self, m) })
}

func (p *peer) unschedule() {
	p.serial++
	if p.stopDue != nil {
		p.stopDue()
		p.stopDue = nil
	}
	p.due = time.Time{}
}

// leave ends every session, and the actor with the last of them.
func (p *peer) leave(goodbye envelope.Reason, err error) {
	if p.leaving {
		if goodbye == envelope.ReasonRevoked { // a half-close was under way; now it is urgent
			p.goodbye = goodbye
			p.closeAll(goodbye)
		}
		return
	}
	p.leaving, p.goodbye = true, goodbye
	p.unschedule()
	p.giveUp(err)
	p.use(nil)
	p.dispute = dispute{}
	p.closeAll(goodbye)
	p.rest(netip.AddrPort{}, fmt.Sprintf("disconnected: %s", goodbye))
	p.settle()
}

func (p *peer) closeAll(goodbye envelope.Reason) {
	for _, h := range p.sessions {
		h.doomed = true
		h.link.Close(session.Close{Reason: goodbye})
	}
}

// settle ends the actor once it is leaving and no session is left.
func (p *peer) settle() {
	if p.leaving && len(p.sessions) == 0 {
		p.ctx.Stop(p.self)
	}
}

// abandon is the end, however it came to it. Sessions that are the listener's children must not outlive the one
// that watches over their trust.
func (p *peer) abandon() {
	p.unschedule()
	p.giveUp(ErrStopping)
	p.Directory.leave(p)
	p.closeAll(envelope.ReasonBusy)
	for len(p.sessions) > 0 {
		p.forget(p.sessions[0])
	}
	p.join.Wait()
	for d := range p.dials {
		d.close()
	}
}
