package peers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Who may start a dial? reconcile decides whether a round begins. This file and dial.go decide what happens inside a round.
// Each way leads to dialFirst, which picks an address, and dialTo, which dials it.
//
//	function    called by                                          what it dials
//	begin       connect: a Connect asks                            all addresses; limits of hints begin anew
//	            reconcile, rule 10: a dial is due, or askToDial    addresses whose time has come
//	            rotate, after rule 11: the session is old          the same, and the one where the session leads
//	raceOn      goOn: an address has failed, or the turn has come  a race for the addresses that are left
//	            raceBeside: a handshake takes long, or a hint may  the same, beside the handshake
//	            be dialled now
//	dialNext    staggered: the latest dial takes long              the next address of the race
//	            dialled: a connect has failed                      the same
//	extend      sighted, lookedUp, addAsked: an address is new     that address, in the race or beside the handshake
//	raceAnew    moved: this machine's addresses have changed       all addresses of the round that have not failed
//
// askToDial is called for a sighting, a Wake, a move of this machine, room in the quota, and the turn for a place. A dial must
// pass these. The first three are asked when a round begins, the others before each dial:
//
//	facts.due       when a round begins by itself     reconcile sets it, and putOff: after a round, or if none can begin
//	address.next    when an address may be dialled    dueAddresses, and sighted for one more; a Connect does not ask.
//	                                                  pause, backOff and add set it, recordSuccess and moved take it back
//	quota           peers and sessions of the node    quota.go
//	places          dials of all peers together       hasPlace; a Connect and a rotation need none
//	hint limits     dials to hints                    takeAllowed, in the order of arrange

// How long the peer has for its message 2 until the next address is tried beside (wire.md §8.1).
const (
	patience     = time.Second
	hintPatience = 500 * time.Millisecond // at a hint: on the same LAN nothing takes long
)

// A round is one try to reach a peer. It ends when a session is up, or no address is left.
type round struct {
	ctx    context.Context // of its lookups
	cancel func()

	lookups    map[*address]*lookup // under way, by name
	unresolved error                // why a name gave no address

	left []netip.AddrPort
	last error          // why the best address failed: the one whose dial got furthest
	at   netip.AddrPort // that address

	dials       map[netip.AddrPort]*dial // the race: TCP connects under way
	latest      *dial                    // of the race; nil: no race is on
	stopStagger func() bool              // the timer for the dial after the latest

	reserved *atomic.Pointer[reservation] // by the handshake that has proved the peer: the others yield
	slowAt   time.Time                    // when the handshake that began last has had its time
	waits    bool                         // dialAllowed will come
	timers   []func() bool                // that are of no use once the round has ended, as they stop
	waiters  []*waiter                    // Connects
	isFree   bool                         // its dials need no place: a Connect waits for it, or it rotates a session
	entered  map[netip.AddrPort]bool      // that are or were in left; they enter once, and once more if a Connect names them

	choice    dialects.Choice  // of the dialect that addresses are dialled in
	beam      []netip.AddrPort // that have closed a native connection as a BEAM node does, and are dialled in BEAM
	beamAfter time.Time        // when those may be dialled

	standings map[*address]candidates.Standing // by a Connect, or by a name that was looked up
}

// errWaits says that a round begins once it is the peer's turn.
var errWaits = errors.New("other peers are being dialled")

// A handshake that has proved the peer takes the round's reservation. So message 3 goes to one address at a time.
type reservation struct{ addr netip.AddrPort }

func newRound() *round {
	r := &round{last: ErrNoAddress, reserved: new(atomic.Pointer[reservation]), lookups: make(map[*address]*lookup),
		dials: make(map[netip.AddrPort]*dial), stopStagger: func() bool { return true },
		entered: make(map[netip.AddrPort]bool), standings: make(map[*address]candidates.Standing)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

func (p *peer) connect(m connect) {
	if p.goodbye != "" {
		m.waiter.answer(ErrStopping)
		return
	}
	asked := p.learnAll(m.addrs, sourceConnect, m.once)
	if m.once {
		defer p.forgetOnce()
	} else {
		defer p.keep(asked) // when they are being dialled
	}
	if p.isConnected() {
		m.waiter.answer(nil)
		return
	}
	p.asleep = false
	if p.round != nil {
		p.round.waiters = append(p.round.waiters, m.waiter) // first: goOn may end the round
		p.round.isFree = true
		p.hints = newHintLimiter()
		p.leavePlaces()
		p.addAsked(asked)
		if p.waiting {
			p.goOn()
		}
	} else if err := p.begin(asked, true); err != nil {
		m.waiter.answer(err)
	} else {
		p.round.waiters = append(p.round.waiters, m.waiter)
	}
}

// askToDial records that a dial is wanted; reconcile's rule 10 decides.
func (p *peer) askToDial() {
	p.dialAsked = true
	p.applyFacts()
}

// begin begins a round over the addresses that are asked for and those whose time has come. If a Connect asks for it, force
// is true: then no address waits, and dials to hints are counted anew. The error says why no round begins; a dial is due
// later if that helps.
func (p *peer) begin(asked []*address, force bool) error {
	hadToWait := p.place != nil // for its turn, which has come
	p.due, p.waiting = time.Time{}, false
	p.arm()
	dueNow, wait := p.dueAddresses(force)
	if err := p.quota.full(p.counted == 0); err != nil && len(asked)+len(dueNow) > 0 {
		p.full = true
		p.putOff(withJitter(fullWait, p.Jitter()), netip.AddrPort{}, err.Error())
		return err
	}
	choice, err := p.Dialects.Choose(p.key)
	if err != nil {
		p.failed = err
		p.putOff(0, netip.AddrPort{}, err.Error())
		return err
	}
	r := newRound()
	r.isFree, r.choice = force || p.isConnected(), choice
	for _, a := range asked {
		r.standings[a] = candidates.Asked
	}
	var names []*address
	for _, a := range append(asked, dueNow...) {
		if a.isName() {
			names = append(names, a)
		} else {
			r.enter(a.addr, false)
		}
	}
	if force {
		p.hints = newHintLimiter()
	}
	if len(r.left) > 0 && !p.hasPlace(r) {
		r.cancel()
		p.putOff(0, netip.AddrPort{}, p.awaitPlace())
		return errWaits
	}
	if len(names) > 0 {
		var texts []string
		for _, a := range names {
			p.lookUp(r, a)
			texts = append(texts, a.name)
		}
		p.round = r
		p.tellProgress(netip.AddrPort{}, "looking up "+strings.Join(texts, ", "))
	}
	started, due := p.dialFirst(r, p.arrange(r))
	switch {
	case started:
		return nil
	case force && due > 0 && len(names) == 0: // the bound of a BEAM node alone lets a Connect wait
		p.round = r
		p.become(netip.AddrPort{}, fmt.Sprintf("waiting %v to dial: a BEAM node takes harm if many connections close", due.Round(time.Second/10)))
	}
	if p.round != nil {
		p.raceLater(due)
		return nil
	}
	if due > 0 && (wait == 0 || due < wait) {
		wait = due
	}
	why := "no address to dial"
	switch {
	case wait > 0 && hadToWait:
		why = "no address may be dialled yet"
	case wait > 0:
		why = p.info.Reason // still
	}
	p.putOff(wait, netip.AddrPort{}, why)
	return ErrNoAddress
}

// putOff has a peer that is not connected dialled after wait; 0: not by itself. why is why it is not dialled now.
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

// addAsked adds addresses that a Connect names to the round that is under way, unless their turn is still to come.
func (p *peer) addAsked(asked []*address) {
	r := p.round
	for _, a := range asked {
		if r.standings[a] == candidates.Asked {
			continue
		}
		r.standings[a] = candidates.Asked
		p.extend(true, a)
	}
}

// extend adds addresses to the round that is under way, and to its race if there is one: those that were in it already only
// if again is true. What a name gives follows later.
func (p *peer) extend(again bool, list ...*address) {
	r := p.round
	list = slices.DeleteFunc(list, func(a *address) bool {
		if a.isName() {
			p.lookUp(r, a)
			return true
		}
		return !r.enter(a.addr, again)
	})
	if len(list) == 0 {
		return
	}
	if r.latest == nil { // a handshake is under way; its time may be over
		if !p.Clock.Now().Before(r.slowAt) {
			p.raceBeside(r)
		}
		return
	}
	if r.choice.FallsBack {
		return // the timer has it dialled: of connects at the same time a BEAM node would see all but one end
	}
	p.dialNext(slices.DeleteFunc(p.arrange(r), func(c candidates.Candidate) bool {
		return !slices.ContainsFunc(list, func(a *address) bool { return a.addr == c.Addr })
	}))
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
	p.handshakes, r.reserved = nil, new(atomic.Pointer[reservation])
	for _, name := range slices.Collect(maps.Keys(r.lookups)) {
		delete(r.lookups, name)
		p.lookUp(r, name)
	}
	p.goOn()
}

// tellProgress tells what is being tried. To rotate a session does not change the state.
func (p *peer) tellProgress(addr netip.AddrPort, why string) {
	if !p.isConnected() {
		p.become(addr, why)
		return
	}
	p.recordStep(Step{Addr: addr, Reason: why + ", to rotate the session"})
}

// raceBeside tries the next addresses beside a handshake that takes long.
func (p *peer) raceBeside(r *round) {
	if p.round == r && r.latest == nil && len(r.left) > 0 && r.reserved.Load() == nil {
		p.raceOn()
	}
}

// handshakeFailed is the end of a session that this node initiated, at addr, and that did not come up.
func (p *peer) handshakeFailed(d *dial, m session.Ended) {
	addr := d.addr
	err := dialError(addr, m)
	yielded := errors.Is(m.Err, session.ErrYielded) || d.calledOff
	d.counted.Fail(d.dialect == handshake.BEAM || closesAsBEAM(m.Err))
	at := slices.Index(p.handshakes, m.Session.GetId()) // -1: its round has ended
	if at >= 0 && p.fallBack(d, m.Err) {
		p.recordStep(Step{Addr: addr, Reason: "closed before message 2, as a BEAM node does"})
	} else if !yielded {
		p.recordFailure(addr, err)
	}
	if m.ByPeer {
		p.prove(addr)
		if !p.isConnected() {
			o, _ := p.pauseAfter(m, p.Jitter(), p.Clock.Now())
			p.pause(o)
		}
	}
	if at < 0 {
		return
	}
	r := p.round
	p.handshakes = slices.Delete(p.handshakes, at, at+1)
	if c := r.reserved.Load(); c != nil && c.addr == addr {
		r.reserved.CompareAndSwap(c, nil) // another handshake may take it
	}
	if yielded {
		r.left = append(r.left, addr) // its handshake may still be the one that succeeds
	} else {
		r.keepError(addr, err) // also if it is dialled in BEAM next
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
	case r.latest != nil || r.reserved.Load() != nil && len(p.handshakes) > 0:
		return
	case len(r.left) > 0 && p.raceOn(), len(p.handshakes) > 0, len(r.lookups) > 0:
		return
	case p.awaitsBEAM(r):
		return
	case len(r.left) > 0 && r.last == ErrNoAddress && !p.hasPlace(r): // only a host name gave addresses, so the round has no place yet
		p.become(netip.AddrPort{}, p.awaitPlace())
		return
	}
	err := r.err()
	defer p.dropRound().answer(err) // after the state is published
	if p.isConnected() {
		p.recordStep(Step{Addr: r.at, Reason: "the session was not rotated: " + err.Error()})
		return
	}
	p.failed = err
	wait := max(1, backoff(1, p.Jitter())) // 0 would be never
	if dueNow, due := p.dueAddresses(false); len(dueNow) == 0 {
		wait = due
	}
	p.putOff(wait, r.at, err.Error())
}

// dropRound ends the round and returns it, so that its waiters can be answered. A handshake that is under way goes on.
func (p *peer) dropRound() *round {
	r := p.round
	p.round, p.rotates, p.handshakes, p.waiting = nil, "", nil, false
	r.callOff()
	r.cancel()
	for _, stop := range r.timers {
		stop()
	}
	p.forgetOnce()
	return r
}

// afterInRound posts m once d has passed, unless the round has ended by then.
func (p *peer) afterInRound(r *round, d time.Duration, m any) {
	r.timers = append(r.timers, p.after(d, m))
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

// err returns why the round has failed.
func (r *round) err() error {
	switch {
	case r.unresolved == nil:
		return r.last
	case r.last == ErrNoAddress:
		return r.unresolved
	}
	return fmt.Errorf("%w; %v", r.last, r.unresolved)
}

// enter adds an address to those left. It returns false if it is there, or was before and does not enter again.
func (r *round) enter(addr netip.AddrPort, again bool) bool {
	if r.entered[addr] && (!again || slices.Contains(r.left, addr)) {
		return false
	}
	r.entered[addr] = true
	r.left = append(r.left, addr)
	return true
}
