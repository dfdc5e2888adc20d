package peers

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Bounds of what is kept of where a peer may be (wire.md §8.1).
const (
	maxAddresses = finder.MaxAddressesPerKey + 32 // more than the finder knows of at once
	maxProven    = 4                              // that are never forgotten for another one, so there is always room for new ones
)

// Sources of what the owner says: the peers file, and Connect.
const (
	sourceFile    = "peers file"
	sourceConnect = "connect"
)

// An address is where a peer may be, and what became of it. It may be a host name, which gives others when it is looked up.
type address struct {
	addr     netip.AddrPort // invalid: name is to be looked up
	name     string         // "host:port" as the owner has written it; of an address that a name gave, that name; else empty
	source   string         // who said so first
	sources  []string       // who still says so
	seen     time.Time      // when a source last said so
	dialled  time.Time      // when a dial there last began; zero: never
	yielded  time.Time      // when a dial there was last called off for others that waited; zero: never
	failures int            // in a row
	next     time.Time      // not dialled before, unless a Connect asks
	result   string         // of the last dial; empty: not dialled yet
	once     bool           // set by ConnectOnce; removed after the round
}

// isNamed says whether the owner names the address.
func (a *address) isNamed() bool {
	return slices.Contains(a.sources, sourceFile) || slices.Contains(a.sources, sourceConnect)
}

// isName says whether the address is a host name, to be looked up.
func (a *address) isName() bool { return !a.addr.IsValid() }

// String returns the address, or the name, as people know it.
func (a *address) String() string {
	switch {
	case a.isName():
		return a.name
	case a.name != "":
		return fmt.Sprintf("%v (%s)", a.addr, a.name)
	}
	return a.addr.String()
}

// candidate returns what ranks an address; r is the round that it is ranked for, if there is one.
func (p *peer) candidate(r *round, a *address) candidates.Candidate {
	said := candidates.Hint
	switch {
	case a.isNamed():
		said = candidates.Named
	case len(a.sources) == 0:
		said = candidates.Gone
	}
	if r != nil {
		said = max(said, r.standings[a])
	}
	return candidates.Candidate{Addr: a.addr, Standing: p.privileges.Standing(a.addr, said), Seen: a.seen, Dialled: a.dialled, Failures: a.failures,
		WasLast: p.privileges.WasLast(a.addr.Addr())}
}

// candidates returns every address that is known, without the names.
func (p *peer) candidates(r *round) (list []candidates.Candidate) {
	for _, a := range p.addrs {
		if !a.isName() {
			list = append(list, p.candidate(r, a))
		}
	}
	return list
}

// at returns what is known of an address; nil: nothing.
func (p *peer) at(addr netip.AddrPort) *address {
	if i := slices.IndexFunc(p.addrs, func(a *address) bool { return !a.isName() && a.addr == addr }); i >= 0 {
		return p.addrs[i]
	}
	return nil
}

// hasSource says whether any source says where the peer is.
func (p *peer) hasSource() bool {
	return slices.ContainsFunc(p.addrs, func(a *address) bool { return len(a.sources) > 0 })
}

// learn returns the address, made if it is new. once is for a new one. The owner names others together with it: they do not
// make room for it like those that nobody names.
func (p *peer) learn(addr netip.AddrPort, source string, once bool, others ...*address) *address {
	if a := p.at(addr); a != nil {
		return a
	}
	if list := p.candidates(p.round); len(list) >= maxAddresses {
		for i, c := range list {
			if slices.ContainsFunc(others, func(o *address) bool { return o.addr == c.Addr }) {
				list[i].Standing, list[i].Seen = max(c.Standing, candidates.Named), p.Clock.Now()
			}
		}
		worst := candidates.Worst(list)
		p.addrs = slices.DeleteFunc(p.addrs, func(a *address) bool { return a.addr == worst.Addr })
	}
	return p.add(&address{addr: addr, source: source, once: once})
}

// add adds a new address.
func (p *peer) add(a *address) *address {
	a.next = p.notBefore
	p.addrs = append(p.addrs, a)
	return a
}

// recordSource records that a source says that the peer is at an address.
func (p *peer) recordSource(a *address, source string) {
	a.seen, a.once = p.Clock.Now(), false
	if !slices.Contains(a.sources, source) {
		a.sources = append(a.sources, source)
		p.recordStep(a.step(source, "heard"))
	} else {
		p.publish()
	}
}

// step is what a source says of an address.
func (a *address) step(source, what string) Step {
	if a.isName() {
		what += " at " + a.name
	}
	return Step{Addr: a.addr, Source: source, Reason: what}
}

// heard takes what discovery says: it sees the peer at an address, or sees it there no more.
func (p *peer) heard(m finder.Change) {
	if m.Kind != finder.Lost {
		p.sighted(p.learn(m.Addr, m.Source, false), m.Source)
	} else if a := p.at(m.Addr); a != nil {
		p.dropSource(a, m.Source)
	}
}

// sighted records that source sees the peer at a, then asks for a dial, or extends the round if a is due.
func (p *peer) sighted(a *address, source string) {
	p.recordSource(a, source)
	if p.round == nil {
		p.askToDial()
	} else if !a.next.After(a.seen) {
		p.extend(false, a)
	}
}

// updateFromFile takes what the peers file says of the peer.
func (p *peer) updateFromFile(said trust.Peer) {
	texts := said.Option(trust.OptionAddr)
	var stay []*address
	for _, text := range texts {
		stay = append(stay, p.findText(text))
	}
	for _, a := range slices.Clone(p.addrs) {
		if slices.Contains(a.sources, sourceFile) && !slices.Contains(stay, a) {
			p.dropSource(a, sourceFile) // first: it makes room
		}
	}
	for _, a := range p.learnAll(texts, sourceFile, false) {
		if !slices.Contains(a.sources, sourceFile) {
			p.sighted(a, sourceFile)
		}
	}
}

// dueAddresses returns the addresses that are worth dialling now, and how long until there is one more; 0: there will be none.
func (p *peer) dueAddresses(force bool) (list []*address, wait time.Duration) {
	now := p.Clock.Now()
	for _, a := range p.addrs {
		switch {
		case p.candidate(nil, a).Standing == candidates.Gone:
		case force || !now.Before(a.next):
			list = append(list, a)
		case wait == 0 || a.next.Sub(now) < wait:
			wait = a.next.Sub(now)
		}
	}
	return list, wait
}

// dropSource removes source from a. A host name without sources is forgotten. So is what the owner has taken back, and what a
// name gave, once no round needs it, unless a handshake has proved it.
func (p *peer) dropSource(a *address, source string) {
	a.sources = slices.DeleteFunc(a.sources, func(s string) bool { return s == source })
	if a.isName() && len(a.sources) == 0 {
		p.addrs = slices.DeleteFunc(p.addrs, func(b *address) bool { return b == a })
	}
	if source == sourceFile || source == sourceConnect {
		for _, b := range p.addrs {
			if (b == a || a.isName() && b.name == a.name) && p.candidate(nil, b).Standing == candidates.Gone {
				b.once = true
			}
		}
		p.forgetOnce()
	}
	p.recordStep(a.step(source, "gone"))
	if p.goodbye != "" || p.round != nil || p.info.State == Connected {
		p.publish()
		return
	}
	p.become(a.addr, "gone from where it was seen")
}

// recordSuccess records that a session has come up (wire.md §7.5).
func (p *peer) recordSuccess(l *session.Link) {
	p.refusals, p.notBefore = 0, time.Time{}
	p.privileges.Home = l.Addr().Addr().Unmap()
	d := p.dialledTo[l.ID()]
	for _, a := range p.addrs {
		if d == nil || a.addr == d.addr || a.isName() {
			a.failures, a.next = 0, time.Time{}
		}
		if d != nil && a.addr == d.addr {
			p.prove(d.addr)
			a.result = "connected"
		}
	}
}

// prove records that a handshake has proved the peer at an address, whatever came of it.
func (p *peer) prove(addr netip.AddrPort) {
	if a := p.at(addr); a != nil && !a.once {
		p.privileges.Prove(addr, maxProven)
	}
}

// doubt takes its privileges from an address where a session broke, unless the owner has written down that the peer is
// there.
func (p *peer) doubt(addr netip.AddrPort) {
	ip := addr.Addr().Unmap()
	if !slices.ContainsFunc(p.addrs, func(a *address) bool { return a.isNamed() && a.addr.Addr() == ip }) {
		p.privileges.Doubt(netip.AddrPortFrom(ip, addr.Port()))
	}
}

// recordFailure records that an address did not work.
func (p *peer) recordFailure(addr netip.AddrPort, err error) {
	if a := p.at(addr); a != nil {
		p.backOff(a)
		a.result = err.Error()
		for _, n := range p.addrs {
			if n.isName() && n.name == a.name && n.next.Before(a.next) {
				n.next = a.next
			}
		}
	}
}

// backOff puts off the next dial to an address that has failed once more.
func (p *peer) backOff(a *address) {
	a.failures++
	a.next = p.Clock.Now().Add(backoff(a.failures, p.Jitter()))
}
