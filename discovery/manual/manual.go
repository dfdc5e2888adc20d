// Package manual is discovery by hand: the program, or a test, says what was seen.
//
// It announces nothing and sends nothing.
package manual

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// ErrInUse is a Provider that runs already, for another node.
var ErrInUse = errors.New("manual discovery runs already: each node needs a provider of its own")

// A Provider reports what it is told. It is safe for concurrent use, before, during and after Run; what it
// was told while nothing ran is reported when Run begins. One Provider serves one node at a time.
type Provider struct {
	mu    sync.Mutex // guards the rest; sight is called under it, so that order is kept
	seen  []discovery.Sighting
	sight func(discovery.Sighting)
}

// New returns a provider that has seen nothing.
func New() *Provider { return &Provider{} }

// Name returns "manual".
func (p *Provider) Name() string { return "manual" }

// Found says that key is to be found at addr. It holds until Lost. To say it again reports it again.
func (p *Provider) Found(key identity.PublicKey, addr netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := discovery.Sighting{Key: key, Addr: addr}
	p.forget(s)
	p.seen = append(p.seen, s)
	p.report(s)
}

// Lost takes back that key is to be found at addr, as a goodbye of the peer would.
func (p *Provider) Lost(key identity.PublicKey, addr netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := discovery.Sighting{Key: key, Addr: addr}
	p.forget(s)
	s.Gone = discovery.Goodbye
	p.report(s)
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
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.sight = nil
	p.mu.Unlock()
	return nil
}

// The rest is called with mu held.

func (p *Provider) report(s discovery.Sighting) {
	if p.sight != nil {
		p.sight(s)
	}
}

func (p *Provider) forget(s discovery.Sighting) {
	for i, old := range p.seen {
		if old == s {
			p.seen = append(p.seen[:i], p.seen[i+1:]...)
			return
		}
	}
}
