package peers

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Bounds of what is kept of where a peer may be (wire.md §8.1).
const (
	maxAddresses = finder.MaxAddressesPerKey + 32 // more than the finder knows of at once
	maxProven    = 4                              // never displaced by one that was only announced; so there is always room for such
)

// An address is one place where a peer may be, and what became of it.
type address struct {
	addr     netip.AddrPort
	source   string    // who said so first
	sources  []string  // who still says so
	seen     time.Time // when somebody last said so
	proven   time.Time // when a handshake last proved the peer there; zero: never, or longest ago of too many
	dialled  time.Time // when it was known that a dial has begun last; zero: none has
	failures int       // in a row
	next     time.Time // not dialled before, unless somebody asks
	result   string    // of the last dial; empty: not dialled yet
}

// present says whether somebody still says that the peer is there.
func (a *address) present() bool { return len(a.sources) > 0 }

// hint says whether nothing but discovery speaks for the address.
func (a *address) hint() bool { return a.proven.IsZero() && !slices.Contains(a.sources, sourceFile) }

// at returns what is known of an address; nil: nothing.
func (p *peer) at(addr netip.AddrPort) *address {
	if i := slices.IndexFunc(p.addrs, func(a *address) bool { return a.addr == addr }); i >= 0 {
		return p.addrs[i]
	}
	return nil
}

// somewhere says whether somebody says where the peer is.
func (p *peer) somewhere() bool { return slices.ContainsFunc(p.addrs, (*address).present) }

// learn returns the address, made if it is new.
func (p *peer) learn(addr netip.AddrPort, source string) *address {
	if a := p.at(addr); a != nil {
		return a
	}
	if len(p.addrs) >= maxAddresses {
		i := evict(p.addrs) // there is one: see maxProven
		p.addrs = slices.Delete(p.addrs, i, i+1)
	}
	a := &address{addr: addr, source: source, next: p.notBefore}
	p.addrs = append(p.addrs, a)
	return a
}

func (p *peer) sighted(m Sighted) {
	if m.Gone {
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
		p.dial()
	} else if !a.next.After(a.seen) {
		p.extend(a.addr)
	}
}

// ready returns the addresses worth dialling now, and how long until there is one more; see order.
func (p *peer) ready(force bool) ([]*address, time.Duration) {
	return order(p.addrs, p.Clock.Now(), force, p.hints.last(), p.Jitter)
}

// missed is an address that a source does not name any more.
func (p *peer) missed(m Sighted) {
	a := p.at(m.Addr)
	if a == nil {
		return
	}
	a.sources = slices.DeleteFunc(a.sources, func(s string) bool { return s == m.Source })
	p.note(Step{Addr: m.Addr, Source: m.Source, Reason: "gone"})
	if p.leaving || p.round != nil || p.info.State == Connected {
		p.publish()
		return
	}
	p.rest(m.Addr, "gone from where it was seen")
}

// worked notes that a session has come up (wire.md §7.5).
func (p *peer) worked(l *session.Link) {
	p.refusals, p.notBefore = 0, time.Time{}
	p.hints.leads(l.Addr().Addr().Unmap())
	if l.Role() == handshake.Responder {
		for _, a := range p.addrs {
			a.failures, a.next = 0, time.Time{}
		}
		return
	}
	if a := p.at(p.dialledTo[l.ID()]); a != nil {
		prove(p.addrs, a, p.Clock.Now())
		a.failures, a.next, a.result = 0, time.Time{}, "connected"
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

// order returns the addresses worth dialling now, best first: those that worked last, then those that the peers file
// names, then the hints as queue orders them. wait is how long until there is one more; 0: there will be none. home is where
// the last session has led, random in [0, 1).
func order(addrs []*address, now time.Time, ignoreBackoff bool, home netip.Addr, random func() float64) (ready []*address, wait time.Duration) {
	var hints []*address
	for _, a := range addrs {
		switch {
		case !a.present() && a.proven.IsZero():
		case !ignoreBackoff && now.Before(a.next):
			if d := a.next.Sub(now); wait == 0 || d < wait {
				wait = d
			}
		case a.hint():
			hints = append(hints, a)
		default:
			ready = append(ready, a)
		}
	}
	slices.SortStableFunc(ready, func(a, b *address) int {
		return cmp.Or(b.proven.Compare(a.proven), cmp.Compare(a.failures, b.failures), b.seen.Compare(a.seen))
	})
	return append(ready, queue(hints, now, home, random)...), wait
}

// evict returns the index of the address to forget when there are too many: one that nobody names any more
// before one that somebody does, one that is only announced before one that the peers file names, then the one heard of
// longest ago. It is never one that a handshake has proved; -1: all are.
func evict(addrs []*address) int {
	worst := -1
	for i, a := range addrs {
		if a.proven.IsZero() && (worst < 0 || worse(a, addrs[worst])) {
			worst = i
		}
	}
	return worst
}

// worse says whether a is to be forgotten before b, of two that no handshake has proved.
func worse(a, b *address) bool {
	switch {
	case a.present() != b.present():
		return b.present()
	case a.hint() != b.hint():
		return a.hint()
	}
	return a.seen.Before(b.seen)
}

// prove notes that a handshake has proved the peer at a, which is one of addrs, whatever came of it. The address proved longest ago
// loses that rank if there are too many.
func prove(addrs []*address, a *address, now time.Time) {
	a.proven = now
	oldest, n := a, 0
	for _, o := range addrs {
		if o.proven.IsZero() {
			continue
		}
		if n++; o.proven.Before(oldest.proven) {
			oldest = o
		}
	}
	if n > maxProven {
		oldest.proven = time.Time{}
	}
}
