package peers

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// How long the peer has for its message 2 until the next address is tried beside (wire.md §8.1).
const (
	patience     = time.Second
	hintPatience = 500 * time.Millisecond // at a hint: on the same link nothing takes long
)

// A round is one try to reach a peer. It ends when a session is up, or no address is left.
type round struct {
	left    []netip.AddrPort
	last    error                   // why the best address failed: the one whose dial got furthest
	at      netip.AddrPort          // that address
	race    *race                   // TCP connects are under way; nil: none is
	claimed *atomic.Pointer[claim]  // by the handshake that has proved the peer: the others yield
	slowAt  time.Time               // when the handshake that began last has had its time
	waits   bool                    // dialAllowed will come
	waiters []*waiter               // Connects
	isFree  bool                    // its dials need no place: a Connect waits for it, or it rotates a session
	entered map[netip.AddrPort]bool // that are or were in left; they enter once, and once more if a Connect names them
	named   map[netip.AddrPort]bool // by a Connect
}

// errWaits says that a round begins once it is the peer's turn.
var errWaits = errors.New("other peers are being dialled")

// A handshake that has proved the peer takes the round's claim. So message 3 goes to one address at a time.
type claim struct{ addr netip.AddrPort }

func (p *peer) connect(m connect) {
	switch {
	case p.goodbye != "":
		m.waiter.answer(ErrStopping)
		return
	case p.isConnected():
		m.waiter.answer(nil)
		return
	}
	for _, addr := range m.addrs {
		p.learn(addr, "connect").seen = p.Clock.Now()
	}
	p.asleep = false
	if p.round != nil {
		p.round.isFree = true
		p.leavePlaces()
		p.addNamed(m.addrs)
	} else if err := p.begin(m.addrs, true); err != nil {
		m.waiter.answer(err)
		return
	}
	p.round.waiters = append(p.round.waiters, m.waiter)
}

// askToDial records that a dial is wanted; reconcile's rule 10 decides.
func (p *peer) askToDial() {
	p.dialAsked = true
	p.reconcile()
}

// begin begins a round over the named addresses and those whose time has come. If somebody has asked for it, force is
// true: then no address waits, and dials to hints are counted anew. The error says why no round begins; a dial is due
// later if that helps.
func (p *peer) begin(named []netip.AddrPort, force bool) error {
	p.due, p.waiting = time.Time{}, false
	p.arm()
	ready, wait := p.ready(force)
	if err := p.quota.full(len(p.sessions) == 0); err != nil && len(named)+len(ready) > 0 {
		p.full = true
		p.putOff(withJitter(fullWait, p.Jitter()), netip.AddrPort{}, err.Error())
		return err
	}
	r := &round{last: ErrNoAddress, isFree: force || p.isConnected(), claimed: new(atomic.Pointer[claim]), entered: make(map[netip.AddrPort]bool), named: make(map[netip.AddrPort]bool)}
	for _, addr := range named {
		r.named[addr] = true
		r.enter(addr)
	}
	for _, a := range ready {
		r.enter(a.addr)
	}
	if force {
		p.hints = newHintLimiter()
	}
	if len(r.left) > 0 && !p.hasPlace(r) {
		p.waiting = true
		others := p.places.wait(p.place, p.Clock.Now())
		p.putOff(0, netip.AddrPort{}, fmt.Sprintf("waits for its turn to dial: %d others are being dialled", others))
		return errWaits
	}
	started, due := p.startRace(r)
	if started {
		return nil
	}
	if due > 0 && (wait == 0 || due < wait) {
		wait = due
	}
	why := "no address to dial"
	if wait > 0 {
		why = p.info.Reason // still
	}
	p.putOff(wait, netip.AddrPort{}, why)
	return ErrNoAddress
}

// putOff has a peer that is not connected dialled after wait; 0: when somebody asks. why is why it is not dialled now.
func (p *peer) putOff(wait time.Duration, addr netip.AddrPort, why string) {
	if p.isConnected() {
		return
	}
	if wait > 0 {
		p.due = p.Clock.Now().Add(wait)
		p.arm()
	}
	p.become(addr, why)
}

// addNamed adds addresses that a Connect names to the round that is under way, unless their turn is still to come.
func (p *peer) addNamed(addrs []netip.AddrPort) {
	r := p.round
	for _, addr := range addrs {
		if r.named[addr] {
			continue
		}
		r.named[addr] = true
		if !slices.Contains(r.left, addr) {
			delete(r.entered, addr)
			p.extend(addr)
		}
	}
}

// extend adds an address to the round that is under way, and to its race if there is one.
func (p *peer) extend(addr netip.AddrPort) {
	r := p.round
	if !r.enter(addr) {
		return
	}
	if r.race == nil { // a handshake is under way; its time may be over
		if !p.Clock.Now().Before(r.slowAt) {
			p.raceBeside(r)
		}
		return
	}
	p.dialNext(slices.DeleteFunc(p.arrange(r), func(c candidates.Candidate) bool { return c.Addr != addr }))
}

// raceAnew begins the dials of the round again: those under way may have begun at an address that this machine does not
// have any more. A handshake that succeeds all the same counts.
func (p *peer) raceAnew() {
	r := p.round
	r.callOff()
	for _, id := range p.handshakes {
		if d := p.dialledTo[id]; d != nil && !slices.Contains(r.left, d.addr) {
			r.left = append(r.left, d.addr)
		}
	}
	p.handshakes, r.claimed = nil, new(atomic.Pointer[claim])
	p.goOn()
}

// tellProgress tells what is being tried. To rotate a session does not change the state.
func (p *peer) tellProgress(addr netip.AddrPort, why string) {
	if !p.isConnected() {
		p.become(addr, why)
		return
	}
	p.note(Step{Addr: addr, Reason: why + ", to rotate the session"})
}

// raceBeside tries the next addresses beside a handshake that takes long.
func (p *peer) raceBeside(r *round) {
	if p.round == r && r.race == nil && len(r.left) > 0 && r.claimed.Load() == nil {
		p.raceOn()
	}
}

// handshakeFailed is the end of a session that this node initiated, at addr, and that did not come up.
func (p *peer) handshakeFailed(addr netip.AddrPort, m session.Ended) {
	err := dialError(addr, m)
	yielded := errors.Is(m.Err, session.ErrYielded)
	if !yielded {
		p.tried(addr, err)
	}
	if m.ByPeer {
		p.prove(addr)
		if !p.isConnected() {
			if o := p.pauseAfter(m, p.Jitter(), p.Clock.Now()); o != nil {
				p.pause(*o)
			}
		}
	}
	r := p.round
	if r == nil || !slices.Contains(p.handshakes, m.Session.GetId()) {
		return // its round has ended
	}
	p.handshakes = slices.DeleteFunc(p.handshakes, func(id string) bool { return id == m.Session.GetId() })
	if c := r.claimed.Load(); c != nil && c.addr == addr {
		r.claimed.CompareAndSwap(c, nil) // another handshake may take it
	}
	if yielded {
		r.left = append(r.left, addr) // it may be the one that comes up in the end
	} else {
		r.keepError(addr, err)
	}
	if m.ByPeer { // the peer itself has answered: there is no use in its other addresses
		r.left = nil
	}
	p.goOn()
}

// goOn goes on with the round after an address has failed, or ends it.
func (p *peer) goOn() {
	r := p.round
	switch {
	case r.race != nil || r.claimed.Load() != nil && len(p.handshakes) > 0:
		return
	case len(r.left) > 0 && p.raceOn(), len(p.handshakes) > 0:
		return
	}
	defer p.endRound().answer(r.last) // when the state tells it too
	if p.isConnected() {
		p.note(Step{Addr: r.at, Reason: "the session was not rotated: " + r.last.Error()})
		return
	}
	p.failed = r.last
	wait := max(1, backoff(1, p.Jitter())) // 0 would be never
	if ready, due := p.ready(false); len(ready) == 0 {
		wait = due
	}
	p.putOff(wait, r.at, r.last.Error())
}

// endRound ends the round and returns it: those who wait for it are to be answered. A handshake that is under way goes
// on.
func (p *peer) endRound() *round {
	r := p.round
	p.round, p.rotates, p.handshakes = nil, "", nil
	r.callOff()
	return r
}

func (r *round) answer(err error) {
	for _, w := range r.waiters {
		w.answer(err)
	}
}

// keepError keeps why an address did not work, unless another one came nearer to the peer.
func (r *round) keepError(addr netip.AddrPort, err error) {
	if nearness(err) >= nearness(r.last) {
		r.last, r.at = err, addr
	}
}

// enter adds an address to those left, and says false if it was there before.
func (r *round) enter(addr netip.AddrPort) bool {
	if r.entered[addr] {
		return false
	}
	r.entered[addr] = true
	r.left = append(r.left, addr)
	return true
}
