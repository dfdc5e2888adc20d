// Package manual is discovery by hand: the program, or a test, says which keys were seen where.
//
// It announces nothing and sends nothing. Give static addresses to New:
//
//	peernet.Config{Discovery: []discovery.Provider{manual.New(manual.At(bob, netip.MustParseAddrPort("10.0.0.7:7100")))}}
package manual

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// ErrInUse is returned by Run if the Provider runs already, for another node.
var ErrInUse = errors.New("another node uses this manual provider: make one for each node")

// A Provider reports the sightings that it is given. It is safe for concurrent use, before, during and after Run. Run
// reports first the sightings from the time when none ran. One Provider serves one node at a time.
//
// A sighting without a TTL holds until it is taken back, and each Run reports it again. A sighting with a TTL is
// reported once, and its time begins then. As with every provider, sightings beyond 1,024 at once may be dropped.
type Provider struct {
	mu    sync.Mutex // guards the rest; it is held while sight is called, to keep the order
	seen  []discovery.Sighting
	sight func(discovery.Sighting)
}

// At returns the sighting of key at addr, which holds until it is taken back.
func At(key identity.PublicKey, addr netip.AddrPort) discovery.Sighting {
	return discovery.Sighting{Key: key, Addr: addr}
}

// New returns a provider with these sightings, as if each was given to Sight.
func New(seen ...discovery.Sighting) *Provider {
	p := &Provider{}
	for _, s := range seen {
		p.Sight(s)
	}
	return p
}

// Name returns "manual".
func (p *Provider) Name() string { return "manual" }

// Discreet implements discovery.Discreet: nothing is sent, in private mode or not.
func (p *Provider) Discreet() {}

// Found reports key at addr, until Lost. Each call reports it again.
func (p *Provider) Found(key identity.PublicKey, addr netip.AddrPort) { p.Sight(At(key, addr)) }

// Updated reports that key has moved from one address to another. The new one is reported first, so that the key always
// has an address.
func (p *Provider) Updated(key identity.PublicKey, from, to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report(At(key, to))
	if from != to {
		p.report(discovery.Sighting{Key: key, Addr: from, Gone: discovery.Withdrawn})
	}
}

// Lost takes key at addr back, as a goodbye of the peer does.
func (p *Provider) Lost(key identity.PublicKey, addr netip.AddrPort) {
	p.Sight(discovery.Sighting{Key: key, Addr: addr, Gone: discovery.Goodbye})
}

// Sight reports s as it is: with an interface, with a TTL, after which it expires unless it is reported again, or as
// gone for any reason.
func (p *Provider) Sight(s discovery.Sighting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report(s)
}

// Run reports sightings until ctx ends. The error is ErrInUse, or nil.
func (p *Provider) Run(ctx context.Context, _ discovery.Self, sight func(discovery.Sighting)) error {
	p.mu.Lock()
	if p.sight != nil {
		p.mu.Unlock()
		return ErrInUse
	}
	p.sight = sight
	for _, s := range p.seen {
		sight(s)
	}
	p.seen = slices.DeleteFunc(p.seen, func(s discovery.Sighting) bool { return s.TTL > 0 })
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.sight = nil
	p.mu.Unlock()
	return nil
}

// report keeps s if a later Run has to report it, and reports it if one runs. The caller holds mu.
func (p *Provider) report(s discovery.Sighting) {
	p.seen = slices.DeleteFunc(p.seen, func(old discovery.Sighting) bool { return old.Key == s.Key && old.Addr == s.Addr })
	if s.Gone == "" && (s.TTL == 0 || p.sight == nil) {
		p.seen = append(p.seen, s)
	}
	if p.sight != nil {
		p.sight(s)
	}
}
