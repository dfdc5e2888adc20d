package peers

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
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

// sourceFile is who names the addresses of the peers file.
const sourceFile = "peers file"

// An address is where a peer may be, and what became of it.
type address struct {
	addr     netip.AddrPort
	source   string    // who said so first
	sources  []string  // who still says so
	seen     time.Time // when somebody last said so
	dialled  time.Time // when a dial there last began; zero: never
	failures int       // in a row
	next     time.Time // not dialled before, unless somebody asks
	result   string    // of the last dial; empty: not dialled yet
}

// isNamed says whether the peers file names the address; a may be nil.
func (a *address) isNamed() bool { return a != nil && slices.Contains(a.sources, sourceFile) }

// candidate returns what ranks an address; r is the round that it is ranked for, if there is one.
func (p *peer) candidate(r *round, a *address) candidates.Candidate {
	said := candidates.Hint
	switch {
	case r != nil && r.named[a.addr]:
		said = candidates.Asked
	case len(a.sources) == 0:
		said = candidates.Gone
	case a.isNamed():
		said = candidates.Named
	}
	return candidates.Candidate{Addr: a.addr, Standing: p.privileges.Standing(a.addr, said), Seen: a.seen, Dialled: a.dialled, Failures: a.failures,
		WasLast: p.privileges.WasLast(a.addr.Addr())}
}

// candidates returns every address that is known.
func (p *peer) candidates(r *round) (list []candidates.Candidate) {
	for _, a := range p.addrs {
		list = append(list, p.candidate(r, a))
	}
	return list
}

// at returns what is known of an address; nil: nothing.
func (p *peer) at(addr netip.AddrPort) *address {
	if i := slices.IndexFunc(p.addrs, func(a *address) bool { return a.addr == addr }); i >= 0 {
		return p.addrs[i]
	}
	return nil
}

// somewhere says whether any source says where the peer is.
func (p *peer) somewhere() bool {
	return slices.ContainsFunc(p.addrs, func(a *address) bool { return len(a.sources) > 0 })
}

// learn returns the address, made if it is new.
func (p *peer) learn(addr netip.AddrPort, source string) *address {
	if a := p.at(addr); a != nil {
		return a
	}
	if len(p.addrs) >= maxAddresses {
		worst := candidates.Worst(p.candidates(p.round))
		p.addrs = slices.DeleteFunc(p.addrs, func(a *address) bool { return a.addr == worst.Addr })
	}
	a := &address{addr: addr, source: source, next: p.notBefore}
	p.addrs = append(p.addrs, a)
	return a
}

// sighted records that discovery saw the peer at an address, or sees it there no more.
func (p *peer) sighted(m finder.Change) {
	if m.Kind == finder.Lost {
		p.missed(m)
		return
	}
	a := p.learn(m.Addr, m.Source)
	a.seen = p.Clock.Now()
	if !slices.Contains(a.sources, m.Source) {
		a.sources = append(a.sources, m.Source)
		p.note(Step{Addr: m.Addr, Source: m.Source, Reason: "heard"})
	}
	p.publish()
	if p.round == nil {
		p.askToDial()
	} else if !a.next.After(a.seen) {
		p.extend(a.addr)
	}
}

// named takes what the peers file says of the peer.
func (p *peer) named(said trust.Peer) {
	var addrs []netip.AddrPort
	for _, text := range said.Option(trust.OptionAddr) {
		if addr, err := netip.ParseAddrPort(text); err == nil {
			addrs = append(addrs, addr)
		}
	}
	change := finder.Change{Kind: finder.Lost, Presence: finder.Presence{Source: sourceFile}}
	for _, a := range slices.Clone(p.addrs) {
		if change.Addr = a.addr; a.isNamed() && !slices.Contains(addrs, a.addr) {
			p.sighted(change)
		}
	}
	change.Kind = finder.Found
	for _, change.Addr = range addrs {
		if !p.at(change.Addr).isNamed() {
			p.sighted(change)
		}
	}
}

// ready returns the addresses that are worth dialling now, and how long until there is one more; 0: there will be none.
func (p *peer) ready(force bool) (list []*address, wait time.Duration) {
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

// missed is an address that a source does not name any more.
func (p *peer) missed(m finder.Change) {
	a := p.at(m.Addr)
	if a == nil {
		return
	}
	a.sources = slices.DeleteFunc(a.sources, func(s string) bool { return s == m.Source })
	p.note(Step{Addr: m.Addr, Source: m.Source, Reason: "gone"})
	if p.goodbye != "" || p.round != nil || p.info.State == Connected {
		p.publish()
		return
	}
	p.become(m.Addr, "gone from where it was seen")
}

// worked notes that a session has come up (wire.md §7.5).
func (p *peer) worked(l *session.Link) {
	p.refusals, p.notBefore = 0, time.Time{}
	p.privileges.Home = l.Addr().Addr().Unmap()
	if l.Role() == handshake.Responder {
		for _, a := range p.addrs {
			a.failures, a.next = 0, time.Time{}
		}
		return
	}
	if d := p.dialledTo[l.ID()]; d == nil {
		return
	} else if a := p.at(d.addr); a != nil {
		p.prove(a.addr)
		a.failures, a.next, a.result = 0, time.Time{}, "connected"
	}
}

// prove notes that a handshake has proved the peer at an address, whatever came of it.
func (p *peer) prove(addr netip.AddrPort) {
	if p.at(addr) != nil {
		p.privileges.Prove(addr, maxProven)
	}
}

// doubt takes its privileges from an address where a session broke, unless the owner has written down that the peer is
// there.
func (p *peer) doubt(addr netip.AddrPort) {
	host := addr.Addr().Unmap()
	if !slices.ContainsFunc(p.addrs, func(a *address) bool { return a.isNamed() && a.addr.Addr() == host }) {
		p.privileges.Doubt(netip.AddrPortFrom(host, addr.Port()))
	}
}

// tried notes that an address did not work.
func (p *peer) tried(addr netip.AddrPort, err error) {
	if a := p.at(addr); a != nil {
		a.failures++
		a.next = p.Clock.Now().Add(backoff(a.failures, p.Jitter()))
		a.result = err.Error()
	}
}
