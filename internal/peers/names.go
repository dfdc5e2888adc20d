package peers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Bounds of host names (wire.md §8.1).
const (
	lookupTimeout  = 5 * time.Second
	lookupPatience = 500 * time.Millisecond // while others wait; most answers come sooner
	maxLookups     = 32                     // of all peers at the same time, besides those of Connects
	maxNames       = 32                     // of a peer in the peers file; more are not looked up
	maxPerName     = 8                      // addresses that one lookup may give
	maxKept        = 8                      // addresses and names that Connects of a peer have given
)

// A lookup asks for the addresses of a name. Its goroutine writes the result before it posts the lookup.
type lookup struct {
	name  *address
	addrs []netip.AddrPort
	err   error
}

// learnAll returns the addresses that the owner has written as "host:port", each once. A name is the same in upper case and
// with a final dot.
func (p *peer) learnAll(texts []string, source string, once bool) (list []*address) {
	for _, text := range texts {
		host, port, err := trust.SplitAddr(text)
		if err != nil {
			continue // it was refused where it was given
		}
		a := p.known(text)
		if ip, err := netip.ParseAddr(host); a == nil && err == nil {
			a = p.learn(netip.AddrPortFrom(ip.Unmap(), port), source, once, list...)
		} else if a == nil {
			a = p.addName(text, source, once)
		}
		if a != nil && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// known returns what is known of an address that the owner has written as "host:port"; nil: nothing.
func (p *peer) known(text string) *address {
	host, port, _ := trust.SplitAddr(text)
	if ip, err := netip.ParseAddr(host); err == nil {
		return p.at(netip.AddrPortFrom(ip.Unmap(), port))
	}
	for _, a := range p.addrs {
		if a.isName() && canonical(a.name) == canonical(text) {
			return a
		}
	}
	return nil
}

// addName adds an address that is a name. It returns nil if the peers file has too many.
func (p *peer) addName(text, source string, once bool) *address {
	names := 0
	for _, a := range p.addrs {
		if a.isName() {
			names++
		}
	}
	if names >= maxNames && source == sourceFile {
		p.recordStep(Step{Source: source, Reason: fmt.Sprintf("more than %d host names: %s is not looked up", maxNames, text)})
		return nil
	}
	return p.add(&address{name: text, source: source, once: once})
}

// canonical returns the form in which names that are the same are equal.
func canonical(name string) string {
	host, port, _ := trust.SplitAddr(name)
	return fmt.Sprintf("%s:%d", strings.TrimSuffix(strings.ToLower(host), "."), port)
}

// keep has addresses that a Connect has given dialled as others are, from now on. The oldest makes room for a new one.
func (p *peer) keep(list []*address) {
	for _, a := range list {
		p.kept = append(slices.DeleteFunc(p.kept, func(b *address) bool { return b == a }), a)
		p.said(a, sourceConnect)
	}
	for len(p.kept) > maxKept {
		oldest := p.kept[0]
		p.kept = p.kept[1:]
		p.missed(oldest, sourceConnect)
	}
}

// forgetOnce forgets the addresses that only the last round was for.
func (p *peer) forgetOnce() {
	if p.round == nil {
		p.addrs = slices.DeleteFunc(p.addrs, func(a *address) bool { return a.once })
	}
}

// lookUp looks a name up for a round, unless that is under way.
func (p *peer) lookUp(r *round, name *address) {
	if r.lookups[name] != nil {
		return
	}
	p.backOff(name) // until it has led to the peer
	l, queues := &lookup{name: name}, r.said[name] < candidates.Asked
	r.lookups[name] = l
	p.join.Go(func() {
		l.addrs, l.err = p.resolve(r.ctx, name.name, queues)
		p.post(lookedUp{l})
	})
}

// resolve returns the addresses of a name, "host:port". If it queues, it waits until few others look names up.
func (p *peer) resolve(ctx context.Context, name string, queues bool) (list []netip.AddrPort, err error) {
	if queues {
		select {
		case p.lookups <- struct{}{}:
		case <-p.freedLookups:
		case <-ctx.Done():
			return nil, &DialError{Name: name, Err: ctx.Err()}
		}
	}
	began := p.Clock.Now()
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if queues {
		p.join.Go(func() { p.endLookup(ctx, cancel) })
	}
	host, port, _ := trust.SplitAddr(name)
	ips, err := p.LookUp(ctx, host)
	for _, ip := range ips {
		addr := netip.AddrPortFrom(ip.Unmap(), port)
		if ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && !slices.Contains(list, addr) && len(list) < maxPerName {
			list = append(list, addr)
		}
	}
	switch {
	case err == nil && len(list) > 0:
		return list, nil
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %v", p.Clock.Now().Sub(began).Round(time.Millisecond))
	case err == nil:
		err = errors.New("the name has no address")
	}
	return nil, &DialError{Name: name, Err: err}
}

// endLookup gives the slot of a lookup back once ctx has ended. Before, one that has had its time and no answer is called off
// for the first that waits.
func (c *Config) endLookup(ctx context.Context, callOff func()) {
	select {
	case <-time.After(lookupPatience):
		select {
		case c.freedLookups <- struct{}{}:
			callOff()
			return
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	<-c.lookups
}

// lookedUp takes the result of a lookup. The addresses count as written down by the owner, in that round.
func (p *peer) lookedUp(l *lookup) {
	r, name := p.round, l.name
	if r == nil || r.lookups[name] != l { // called off
		return
	}
	delete(r.lookups, name)
	if !slices.Contains(p.addrs, name) { // it was removed meanwhile
		l.addrs = nil
	}
	if l.err != nil {
		name.result, r.unresolved = l.err.Error(), l.err
		p.recordStep(Step{Source: name.source, Reason: name.result})
	} else {
		p.forgetGone(name, l.addrs)
		name.result = fmt.Sprintf("looked up: %v", strings.Trim(fmt.Sprint(l.addrs), "[]"))
	}
	standing := max(candidates.Named, r.said[name])
	var found []*address
	for _, addr := range l.addrs {
		a := p.learn(addr, name.source, name.once)
		a.name, a.seen = name.name, p.Clock.Now()
		r.said[a] = max(r.said[a], standing)
		found = append(found, a)
	}
	p.publish()
	p.extend(standing == candidates.Asked, found...)
	if len(p.handshakes) == 0 {
		p.goOn()
	}
}

// forgetGone forgets addresses that a name gave before and does not give now, unless something else speaks for them.
func (p *peer) forgetGone(name *address, now []netip.AddrPort) {
	p.addrs = slices.DeleteFunc(p.addrs, func(a *address) bool {
		return !a.isName() && a.name == name.name && !slices.Contains(now, a.addr) && p.candidate(p.round, a).Standing == candidates.Gone
	})
}
