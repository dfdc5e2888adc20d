package peers

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// What is different with a peer that is a BEAM node (wire.md §13). How often it may be dialled, and in which dialect a peer
// is dialled, package dialects says.

// dialectFor returns the dialect of the next dial to an address, and whether that may fall back.
func (p *peer) dialectFor(r *round, addr netip.AddrPort) (d handshake.Dialect, fallsBack bool) {
	if slices.Contains(r.beam, addr) {
		return handshake.BEAM, false
	}
	return r.choice.Dialect, r.choice.FallsBack
}

// countDial chooses the dialect of a dial, and counts it.
func (p *peer) countDial(d *dial) {
	d.dialect, d.fallsBack = p.dialectFor(p.round, d.addr)
	d.counted = p.Dialects.Begin(p.key, d.addr, d.dialect)
}

// fallBackAfter is how long after the end of a native connection the same address is dialled in BEAM, unless a Connect waits
// for it. A BEAM node that has heard this one dials by itself, and would close one of the two sessions.
const fallBackAfter = time.Second

// fallBack has an address dialled in BEAM, and next, if what answered there closed the connection as a BEAM node does. It
// returns false if not.
func (p *peer) fallBack(d *dial, err error) bool {
	r := p.round
	if !d.fallsBack || !closesAsBEAM(err) || p.hasBEAM() || p.Dialects.Wait(p.key, d.addr, true) > 0 {
		return false
	}
	if p.Dialects.IsBEAM(p.key) {
		r.choice = dialects.Choice{Dialect: handshake.BEAM} // it was asked natively, which is enough
	}
	r.callOff() // what may be the same node is not dialled natively beside
	for _, other := range p.dialledTo {
		if other != d && other.fallsBack {
			other.calledOff = true
			other.counted.Fail(true) // before the dial in BEAM is allowed
			other.giveUp()
		}
	}
	r.beam = append(r.beam, d.addr)
	r.left = append(r.left, d.addr)
	if len(r.waiters) == 0 {
		r.beamAfter = p.Clock.Now().Add(fallBackAfter)
	}
	return true
}

// maxAsked is how many native handshakes with a peer that may be a BEAM node are under way at the same time. It closes them all, and
// two connections that end in ten seconds are what it may see.
const maxAsked = 2

// asksEnough says whether no further native handshake may begin beside those that are under way.
func (p *peer) asksEnough() bool {
	asked := 0
	for _, d := range p.dialledTo { // also those of earlier rounds
		if d.fallsBack {
			asked++
		}
	}
	return asked >= maxAsked
}

// waitToDial returns how long until an address may be dialled, as far as a BEAM node may be there; 0: now.
func (p *peer) waitToDial(addr netip.AddrPort, now time.Time) time.Duration {
	if r := p.round; r != nil && slices.Contains(r.beam, addr) {
		return max(p.Dialects.Wait(p.key, addr, true), r.beamAfter.Sub(now))
	}
	return p.Dialects.Wait(p.key, addr, false)
}

// awaitsBEAM says whether a round has nothing to do but to wait until it may dial a BEAM node, or what may be one.
func (p *peer) awaitsBEAM(r *round) bool {
	fallsBack := func(addr netip.AddrPort) bool { return slices.Contains(r.beam, addr) }
	mustWait := func(addr netip.AddrPort) bool { return p.Dialects.Wait(p.key, addr, false) > 0 }
	return r.waits && (slices.ContainsFunc(r.left, fallsBack) || len(r.waiters) > 0 && (p.Dialects.IsBEAM(p.key) || slices.ContainsFunc(r.left, mustWait)))
}

// closesAsBEAM says whether a native handshake failed for err because its connection was closed cleanly in place of
// message 2. BEAM nodes do that. Native ones reset it (wire.md §4.2).
func closesAsBEAM(err error) bool {
	return errors.Is(err, session.ErrUnanswered) && errors.Is(err, io.EOF)
}

// hasBEAM says whether a session with a BEAM node is up or coming up. Another one would cost that node the first.
func (f *facts) hasBEAM() bool {
	return f.has(func(s sessionFacts) bool { return s.beam && (s.isUsable() || s.isPending()) })
}

// comingUp returns the session with a BEAM node that came last and is not up yet; "": there is none. That node has closed
// the others, or is about to: calls wait for this one. If it fails, they go on with another.
func (f *facts) comingUp() (id string) {
	for _, s := range f.sessions {
		if s.beam && s.isPending() {
			id = s.id
		}
	}
	return id
}

// keepBoth decides between the sessions of a BEAM node, in place of the arbiter, and returns false if there is no such
// session. That node closes all but the newest by itself, and takes harm if this one closes some too: so none is
// pinged, and none is closed. Calls use the newest. A peer that speaks natively by now has native sessions alone.
func (f *facts) keepBoth(do *actions) bool {
	usable := f.usable()
	if !slices.ContainsFunc(usable, func(s *sessionFacts) bool { return s.beam }) {
		return false
	}
	f.dispute = dispute{}
	newest := usable[len(usable)-1]
	if i := slices.IndexFunc(usable, func(s *sessionFacts) bool { return !s.beam }); i >= 0 {
		newest = usable[i]
		for _, s := range usable {
			if s.beam {
				do.end(s, session.Close{Reason: envelope.ReasonDuplicate})
			}
		}
	}
	f.use(newest)
	return true
}

// reasonOfEnd returns m, or, if a BEAM node has closed a session because it has a newer one, m with the reason that a native
// node would have given.
func (f *facts) reasonOfEnd(s *sessionFacts, m session.Ended) session.Ended {
	isOther := func(o sessionFacts) bool { return o.id != s.id && o.beam && (o.isUsable() || o.isPending()) }
	if s.beam && m.Reason == session.ReasonLost && f.has(isOther) {
		m.Reason, m.ByPeer, m.Err = envelope.ReasonDuplicate, true, nil
	}
	return m
}

// in returns where an address is dialled, for people. The native dialect goes without saying.
func in(d handshake.Dialect, addr fmt.Stringer) string {
	if d == handshake.BEAM {
		return addr.String() + " in BEAM"
	}
	return addr.String()
}
