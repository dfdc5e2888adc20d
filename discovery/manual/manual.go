// Package manual is discovery by hand: the program, or a test, says what was seen.
//
// It announces nothing and sends nothing. Static addresses are what New is given:
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

// ErrInUse is a Provider that runs already, for another node.
var ErrInUse = errors.New("manual discovery runs already: each node needs a provider of its own")

// A Provider reports what it is told. It is safe for concurrent use, before, during and after Run; what it
// was told while nothing ran is reported when Run begins. One Provider serves one node at a time.
//
// What has no TTL holds until it is taken back, and is reported again by each Run. What has one is reported once, and
// its time begins then. As of every provider, no more than 1,024 sightings at once are sure to be looked at.
type Provider struct {
	mu    sync.Mutex // guards the rest; sight is called under it, so that order is kept
	seen  []discovery.Sighting
	sight func(discovery.Sighting)
}

// At is a key that is to be found at addr, until it is taken back.
func At(key identity.PublicKey, addr netip.AddrPort) discovery.Sighting {
	return discovery.Sighting{Key: key, Addr: addr}
}

// New returns a provider that has seen these, as if each was told to Sight.
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

// Found says that key is to be found at addr. It holds until Lost. To say it again reports it again.
func (p *Provider) Found(key identity.PublicKey, addr netip.AddrPort) { p.Sight(At(key, addr)) }

// Updated says that key is not to be found at from any more, but at to. It is never nowhere meanwhile.
func (p *Provider) Updated(key identity.PublicKey, from, to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(At(key, to))
	if from != to {
		gone := At(key, from)
		gone.Gone = discovery.Withdrawn
		p.tell(gone)
	}
}

// Lost takes back that key is to be found at addr, as a goodbye of the peer would.
func (p *Provider) Lost(key identity.PublicKey, addr netip.AddrPort) {
	s := At(key, addr)
	s.Gone = discovery.Goodbye
	p.Sight(s)
}

// Sight reports s as it is: with an interface, with a TTL, so that it expires unless it is told again, or as gone for
// any reason.
func (p *Provider) Sight(s discovery.Sighting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(s)
}

// Run reports until ctx ends. The error is ErrInUse, or nil.
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

// tell remembers what a later Run has to report, and reports s if one runs. It is called with mu held.
func (p *Provider) tell(s discovery.Sighting) {
	p.seen = slices.DeleteFunc(p.seen, func(old discovery.Sighting) bool { return old.Key == s.Key && old.Addr == s.Addr })
	if s.Gone == "" && (s.TTL == 0 || p.sight == nil) {
		p.seen = append(p.seen, s)
	}
	if p.sight != nil {
		p.sight(s)
	}
}
