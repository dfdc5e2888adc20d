package peers

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// What a peer knows of where its key may be.

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
