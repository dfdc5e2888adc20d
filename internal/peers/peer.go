package peers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
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
	join sync.WaitGroup // of goroutines that dial

	info      Info
	addrs     []*address
	sessions  []*held   // in the order they were proved
	current   *held     // the one that calls use
	wasUp     bool      // Up was told, Down was not
	round     *round    // not nil: dialling
	refusals  int       // in a row
	notBefore time.Time // no dial by itself before
	serial    int       // of the redial timer that counts
	stopDue   func() bool
	leaving   bool // revoked or stopped: nothing new, and gone once no session is left
}

// A held is one session of the peer.
type held struct {
	link   *session.Link
	up     bool
	sealed bool // it takes nothing new
	doomed bool // told to close, or about to be
}

// Receive implements actor.Actor.
func (p *peer) Receive(ctx actor.Context) {
	p.ctx = ctx
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self = ctx.Self()
		p.become(Unknown, "no address is known")
		p.Directory.enter(p)
	case *actor.Stopping:
		p.abandon()
	case Sighted:
		p.sighted(m)
	case Connect:
		p.connect(m)
	case Inbound:
		p.proved(m.Link)
	case dialled:
		p.dialled(m)
	case redialDue:
		if m.serial == p.serial {
			p.dial(false)
		}
	case revoke:
		p.leave(session.Close{Reason: envelope.ReasonRevoked}, ErrNotTrusted)
	case stop:
		p.leave(session.Close{Reason: envelope.ReasonShutdown}, ErrStopping)
	case session.Proved:
		p.proved(m.Link)
	case session.Up:
		p.up(m.Link)
	case session.Greeted:
	case session.Sealed:
		p.sealed(m)
	case session.Probed:
		p.probed(m)
	case session.Ended:
		p.ended(m)
	}
}

// become enters a state; why is for people.
func (p *peer) become(s State, why string) {
	if s != p.info.State {
		p.Log.Debug("peer", "peer", p.key, "state", string(s), "why", why)
		p.info.Since = p.Clock.Now()
	}
	p.info.State, p.info.Reason = s, why
	p.publish()
}

// publish tells the directory.
func (p *peer) publish() {
	info := p.info
	info.Addresses = make([]Address, 0, len(p.addrs))
	for _, a := range p.addrs {
		info.Addresses = append(info.Addresses, Address{a.addr, a.source, a.seen, a.result})
	}
	p.Directory.setInfo(p, info)
}

// learn returns the address, made if it is new.
func (p *peer) learn(addr netip.AddrPort, source string) *address {
	if i := slices.IndexFunc(p.addrs, func(a *address) bool { return a.addr == addr }); i >= 0 {
		return p.addrs[i]
	}
	if len(p.addrs) >= maxAddresses {
		i := evict(p.addrs)
		if i < 0 {
			i = 0 // all proven: the one proved first, which is the one that has stood longest
		}
		p.addrs = slices.Delete(p.addrs, i, i+1)
	}
	a := &address{addr: addr, source: source, next: p.notBefore}
	p.addrs = append(p.addrs, a)
	return a
}

func (p *peer) sighted(m Sighted) {
	a := p.learn(m.Addr, m.Source)
	a.sources = slices.DeleteFunc(a.sources, func(s string) bool { return s == m.Source })
	if !m.Gone {
		a.sources = append(a.sources, m.Source)
		a.seen = p.Clock.Now()
	}
	switch {
	case p.leaving || p.round != nil || p.current != nil:
		p.publish()
	case m.Gone:
		p.rest("gone from where it was seen")
	default:
		p.dial(false)
	}
}

// rest enters the state of a peer that is neither connected nor being dialled.
func (p *peer) rest(why string) {
	switch {
	case p.stopDue != nil:
		p.become(BackingOff, why)
	case slices.ContainsFunc(p.addrs, (*address).present):
		p.become(Found, why)
	default:
		p.become(Unknown, why)
	}
}

func (p *peer) connect(m Connect) {
	switch {
	case p.leaving:
		m.Done <- ErrStopping
		return
	case p.current != nil:
		m.Done <- nil
		return
	}
	forced := make(map[netip.AddrPort]bool)
	for _, addr := range m.Addrs {
		a := p.learn(addr, "connect")
		a.seen = p.Clock.Now()
		forced[addr] = true
	}
	if p.round == nil {
		p.begin(forced, true)
	} else {
		for _, addr := range m.Addrs {
			if !p.round.forced[addr] {
				p.round.forced[addr] = true
				p.round.left = append([]netip.AddrPort{addr}, p.round.left...)
			}
		}
	}
	if p.round == nil {
		m.Done <- ErrNoAddress
		return
	}
	p.round.waiters = append(p.round.waiters, m.Done)
}

// dial begins a round unless there is no need, or no address whose time has come.
func (p *peer) dial(force bool) {
	if p.leaving || p.round != nil || p.current != nil {
		return
	}
	p.begin(nil, force)
}

// begin begins a round over the addresses that are worth it, and those in forced.
func (p *peer) begin(forced map[netip.AddrPort]bool, ignoreBackoff bool) {
	p.unschedule()
	ready, wait := order(p.addrs, p.Clock.Now(), ignoreBackoff)
	var left []netip.AddrPort
	for _, a := range p.addrs {
		if forced[a.addr] {
			left = append(left, a.addr)
		}
	}
	for _, a := range ready {
		if !forced[a.addr] {
			left = append(left, a.addr)
		}
	}
	if len(left) == 0 {
		if wait > 0 {
			p.schedule(wait)
		}
		p.rest("no address to dial")
		return
	}
	if forced == nil {
		forced = make(map[netip.AddrPort]bool)
	}
	p.round = &round{began: p.Clock.Now(), left: left, forced: forced}
	p.become(Dialling, fmt.Sprintf("dialling %v", left[0]))
	p.raceOn()
}

// raceOn connects to the addresses that are left in the round.
func (p *peer) raceOn() {
	r := p.round
	addrs := slices.Clone(r.left)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.dialing = cancel, true
	system, self := p.ctx.ActorSystem(), p.self
	p.join.Add(1)
	go func() {
		defer p.join.Done()
		won, failed := race(ctx, addrs, p.Stagger, p.DialTimeout, p.Dial)
		system.Root.Send(self, dialled{r, won, failed})
	}()
}

func (p *peer) dialled(m dialled) {
	m.round.cancel()
	m.round.dialing = false
	for _, f := range m.failed {
		p.tried(f.addr, f.err)
		m.round.last = &DialError{f.addr, f.err}
		m.round.drop(f.addr)
	}
	if p.round != m.round { // the round was given up meanwhile
		if m.won.conn != nil {
			_ = m.won.conn.Close()
		}
		return
	}
	if m.won.conn == nil {
		p.next(nil)
		return
	}
	m.round.drop(m.won.addr)
	p.become(Dialling, fmt.Sprintf("handshake with %v", m.won.addr))
	m.round.session = p.ctx.Spawn(session.Props(session.Params{Config: p.Session, Conn: m.won.conn,
		Role: handshake.Initiator, Expect: p.key, Owner: p.self}))
}

// tried notes that an address did not work.
func (p *peer) tried(addr netip.AddrPort, err error) {
	for _, a := range p.addrs {
		if a.addr == addr {
			a.failures++
			a.next = p.Clock.Now().Add(backoff(a.failures, p.Jitter()))
			a.result = err.Error()
		}
	}
}

// next goes on with the round after an address has failed, or ends it.
func (p *peer) next(err error) {
	r := p.round
	if err != nil {
		r.last = err
	}
	if len(r.left) > 0 {
		p.raceOn()
		return
	}
	p.fail(r.last)
}

// fail ends the round without a session.
func (p *peer) fail(err error) {
	r := p.round
	p.round = nil
	for _, w := range r.waiters {
		w <- err
	}
	if _, wait := order(p.addrs, p.Clock.Now(), false); wait > 0 {
		p.schedule(wait)
	} else if ready, _ := order(p.addrs, p.Clock.Now(), false); len(ready) > 0 {
		p.schedule(backoff(1, p.Jitter()))
	}
	p.rest(err.Error())
}

// giveUp ends the round because it is no longer needed, or wanted.
func (p *peer) giveUp(err error) {
	r := p.round
	if r == nil {
		return
	}
	p.round = nil
	if r.cancel != nil {
		r.cancel()
	}
	for _, w := range r.waiters {
		w <- err
	}
}

func (p *peer) schedule(d time.Duration) {
	p.unschedule()
	system, self, serial := p.ctx.ActorSystem(), p.self, p.serial
	p.stopDue = p.Clock.AfterFunc(d, func() { system.Root.Send(self, redialDue{serial}) })
}

func (p *peer) unschedule() {
	p.serial++
	if p.stopDue != nil {
		p.stopDue()
		p.stopDue = nil
	}
}

// leave ends every session, and the actor with the last of them.
func (p *peer) leave(c session.Close, err error) {
	if p.leaving {
		if c.Reason == envelope.ReasonRevoked { // a half-close was under way; now it is urgent
			p.closeAll(c)
		}
		return
	}
	p.leaving = true
	p.unschedule()
	p.giveUp(err)
	p.use(nil)
	p.closeAll(c)
	p.settle()
}

func (p *peer) closeAll(c session.Close) {
	for _, h := range p.sessions {
		h.doomed = true
		h.link.Close(c)
	}
}

// settle ends the actor once it is leaving and no session is left.
func (p *peer) settle() {
	if p.leaving && len(p.sessions) == 0 {
		p.ctx.Stop(p.self)
	}
}

// abandon is the end, however it came to it.
func (p *peer) abandon() {
	p.unschedule()
	p.giveUp(ErrStopping)
	p.Directory.leave(p)
	p.join.Wait()
}

func (r *round) drop(addr netip.AddrPort) {
	r.left = slices.DeleteFunc(r.left, func(a netip.AddrPort) bool { return a == addr })
}
