package peers

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A race is TCP connects of a round, until one of them has succeeded. The next dial begins when one before it has failed, or
// after Stagger; each is given up after DialTimeout. A hint that must not be dialled yet is passed over, and looked at again
// when the next dial may begin; a race does not wait for it alone.

// A dial is one TCP connect. Its goroutine writes the result before it posts the dial.
type dial struct {
	addr   netip.AddrPort
	place  *place // until the peer has proved its key; nil: it needs none
	giveUp func() // calls off the connect, or the handshake
	gaveUp bool   // its place was wanted

	calledOff bool // another address has closed as a BEAM node does, and this may be the same node

	dialect   handshake.Dialect
	fallsBack bool           // to BEAM, if what answers closes the connection as a BEAM node does
	counted   *dialects.Dial // ends when the connection has ended, or a session is up
	conn      net.Conn
	err       error
}

// errGaveUp is why a dial failed that has made room for another one.
var errGaveUp = errors.New("stopped: no answer so far, and other peers wait to be dialled")

// close closes a connection that is not wanted any more.
func (d *dial) close() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// arrange returns the addresses of a round that are left, without those that are being dialled, in the order in which to
// dial them. If the round needs places, those that yielded lately come last: it may have time for one address at each turn.
func (p *peer) arrange(r *round) []candidates.Candidate {
	list := slices.DeleteFunc(p.privileges.Order(p.candidates(r), p.Clock.Now(), p.Jitter), func(c candidates.Candidate) bool {
		return !slices.Contains(r.left, c.Addr) || r.dials[c.Addr] != nil
	})
	isFallback := func(c candidates.Candidate) bool { return slices.Contains(r.beam, c.Addr) }
	if i := slices.IndexFunc(list, isFallback); i > 0 {
		follows := list[i] // its native dial
		list = slices.Insert(slices.Delete(list, i, i+1), 0, follows)
	}
	if !r.isFree {
		slices.SortStableFunc(list, func(a, b candidates.Candidate) int { return p.lastYield(a.Addr).Compare(p.lastYield(b.Addr)) })
	}
	return list
}

// lastYield returns when a dial to an address was called off for others that waited; zero: not since it worked, or so long ago
// that its standing counts again, however many addresses others announce.
func (p *peer) lastYield(addr netip.AddrPort) time.Time {
	if a := p.at(addr); a.failures > 0 && p.Clock.Now().Sub(a.yielded) < maxBackoff {
		return a.yielded
	}
	return time.Time{}
}

// takeAllowed counts and returns the first of list that the hint limits allow now. If they allow none, the address is invalid
// and wait is how long until they allow one; 0: the list is empty.
func (p *peer) takeAllowed(list []candidates.Candidate) (addr netip.AddrPort, wait time.Duration) {
	if len(list) > 0 && (p.hasBEAM() || p.asksEnough()) {
		return netip.AddrPort{}, p.Stagger
	}
	now := p.Clock.Now()
	for _, c := range list {
		due := p.waitToDial(c.Addr, now)
		if due == 0 && p.hints.take(now, c) {
			return c.Addr, 0
		}
		due = max(1, due, p.hints.wait(now, c)) // 0 would be never
		if wait == 0 || due < wait {
			wait = due
		}
	}
	return netip.AddrPort{}, wait
}

// dialFirst begins a dial of a round, in its race or as the first of one, at the first address of list that may be dialled
// now. If none may, it returns false and how long until one may; 0: the list is empty.
func (p *peer) dialFirst(r *round, list []candidates.Candidate) (begun bool, wait time.Duration) {
	if len(list) > 0 && !p.hasPlace(r) {
		return false, p.Stagger
	}
	p.waiting = false
	addr, wait := p.takeAllowed(list)
	if !addr.IsValid() {
		return false, wait
	}
	p.round = r
	if r.latest == nil {
		d, _ := p.dialectFor(r, addr)
		p.tellProgress(addr, "dialling "+in(d, p.at(addr)))
	}
	p.dialTo(addr)
	return true, 0
}

// raceOn starts a race for the addresses that are left in the round, or schedules one. It returns false if none has started:
// then nothing may be under way.
func (p *peer) raceOn() bool {
	started, wait := p.dialFirst(p.round, p.arrange(p.round))
	p.raceLater(wait)
	return started
}

// raceLater has the round begin a race once wait has passed; 0: never.
func (p *peer) raceLater(wait time.Duration) {
	if r := p.round; wait > 0 && !r.waits {
		r.waits = true
		p.afterInRound(r, wait, dialAllowed{r})
	}
}

// dialTo begins the next dial of the race. The caller has counted addr against the hint limits.
func (p *peer) dialTo(addr netip.AddrPort) {
	r, d := p.round, &dial{addr: addr}
	r.dials[addr], r.latest = d, d
	p.countDial(d)
	p.dials[d] = true
	if a := p.at(addr); a != nil {
		a.dialled = p.Clock.Now()
	}
	p.stagger()
	ctx, cancel := context.WithTimeout(context.Background(), p.DialTimeout)
	d.giveUp = cancel
	if !r.isFree {
		d.place, p.place = p.place, nil
	}
	if d.place != nil && d.place.until.IsZero() { // else it had its time at another address
		p.keepPlace(d)
	}
	p.join.Go(func() {
		defer cancel()
		d.conn, d.err = p.Dial(ctx, addr)
		p.post(dialled{d})
	})
}

// stagger sets the timer for the next dial of the race.
func (p *peer) stagger() {
	r := p.round
	r.stopStagger()
	r.stopStagger = p.after(p.Stagger, staggered{r.latest})
}

// staggered goes on with the race if its latest dial is still that one.
func (p *peer) staggered(latest *dial) {
	r := p.round
	if r == nil || r.latest != latest {
		return
	}
	list := p.arrange(r)
	if len(list) == 0 && r.choice.FallsBack {
		p.stagger() // for addresses that are heard later: extend leaves them to the timer
	}
	p.dialNext(list)
}

// dialNext begins the next dial of the race at the first of list that may be dialled now.
func (p *peer) dialNext(list []candidates.Candidate) {
	if begun, _ := p.dialFirst(p.round, list); !begun && len(list) > 0 {
		p.stagger()
	}
}

// dialled takes the result of a dial.
func (p *peer) dialled(d *dial) {
	delete(p.dials, d)
	r := p.round
	if r == nil || r.dials[d.addr] != d { // called off
		d.close()
		d.counted.Fail(d.dialect == handshake.BEAM) // the peer may have accepted the connection
		p.leavePlace(d)
		return
	}
	delete(r.dials, d.addr)
	r.left = slices.DeleteFunc(r.left, func(a netip.AddrPort) bool { return a == d.addr })
	if d.err != nil {
		d.counted.Fail(d.dialect == handshake.BEAM && !errors.Is(d.err, syscall.ECONNREFUSED))
		if d.gaveUp {
			d.err = errGaveUp
			p.leavePlace(d)
		} else {
			d.place, p.place = nil, d.place // for the next dial
		}
		p.counters.Add(counters.DialsFailed, 1)
		p.tried(d.addr, d.err)
		r.keepError(d.addr, &DialError{Addr: d.addr, Err: d.err})
		if p.dialNext(p.arrange(r)); len(r.dials) == 0 {
			r.callOff()
			p.goOn()
		}
		return
	}
	p.counters.Add(counters.DialsConnected, 1)
	r.callOff()
	p.shakeHands(d)
}

// callOff ends the race, if there is one. Dials under way are called off; their addresses are left in the round.
func (r *round) callOff() {
	r.stopStagger()
	for _, d := range r.dials {
		d.giveUp()
	}
	clear(r.dials)
	r.latest = nil
}

// shakeHands begins the handshake on the connection that won the race.
func (p *peer) shakeHands(d *dial) {
	r := p.round
	p.tellProgress(d.addr, "handshake with "+in(d.dialect, d.addr))
	reserved, own := r.reserved, &reservation{d.addr}
	pid := session.Spawn(p.ctx, session.Params{Config: p.Session, Conn: d.conn, Role: handshake.Initiator,
		Expect: p.key, Dialect: d.dialect, Owner: p.self, Claim: func() bool { return reserved.CompareAndSwap(nil, own) }})
	p.handshakes = append(p.handshakes, pid.GetId())
	p.dialledTo[pid.GetId()] = d
	system := p.ctx.ActorSystem()
	d.gaveUp, d.giveUp = false, func() { system.Root.Send(pid, session.Close{Reason: envelope.ReasonBusy}) }
	if d.place != nil {
		p.keepPlace(d)
	}
	long := p.patienceAt(d.addr)
	r.slowAt = p.Clock.Now().Add(long)
	p.afterInRound(r, long, handshakeSlow{r, nil})
}

// patienceAt returns how long an address has for an answer until others have their turn.
func (p *peer) patienceAt(addr netip.AddrPort) time.Duration {
	if a := p.at(addr); a != nil && p.candidate(p.round, a).Standing >= candidates.Named {
		return patience
	}
	return hintPatience
}
