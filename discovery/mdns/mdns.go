// Package mdns finds nodes by DNS-SD over multicast DNS, and announces this one: wire.md §8.2.
//
// It stands on github.com/grandcat/zeroconf, which answers questions and asks them, but reports neither that a service
// has changed nor that it has gone, and does not notice when an interface is replaced. So the library is its voice; its
// ears are sockets of its own, which hear everything that is said on port 5353: answers, changes and goodbyes, with the
// interface on which they came in. When the interfaces change, all of it is opened anew.
//
// Nothing that is heard is believed beyond "somebody says that this key is here". What a flood of forged records can
// cost is bounded: 1,024 instances and 8 addresses of each are remembered, and questions out of turn have a limit.
//
// A node's address is lost when it was not heard for three periods, and less than half a second after its goodbye.
package mdns

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// DefaultPeriod is how often a node asks who is there, unless Options says otherwise.
const DefaultPeriod = 30 * time.Second

// Options are what can be chosen. The zero value works.
type Options struct {
	// Interfaces are the names of the network interfaces to use. If empty, all but those that are point-to-point. Never
	// used are those that are down, without a cable, without an address or unable to multicast, and loopbacks; and for a
	// node that listens on one address and is announced, those without that address.
	//
	// It is a choice, not a fence: where another program of this machine listens to multicast DNS on an interface that is
	// not among them, Linux gives its packets to the library's server as well, which answers there too.
	Interfaces []string

	// Period is how often at most to ask who is there, within a quarter; three of them are how long an address holds
	// without being heard. If zero, DefaultPeriod. Less than a second is a second.
	Period time.Duration
}

// A Provider is discovery by multicast DNS. It keeps nothing between runs. It is safe for concurrent use.
type Provider struct {
	options Options
	random  func() float64 // in [0, 1); safe for concurrent use
	open    func(context.Context, discovery.Self, []discovery.Interface) (link, error)
}

// New returns a provider.
func New(o Options) *Provider {
	if o.Period == 0 {
		o.Period = DefaultPeriod
	}
	o.Period = max(o.Period, time.Second)
	return &Provider{options: o, random: rand.Float64, open: open}
}

// Name returns "mdns".
func (p *Provider) Name() string { return "mdns" }

// Run implements discovery.Provider. The error is a *NetworkError, at once if the network cannot be used at the start,
// and when it could not for 10 s later on. Without an error Run ends when ctx does: it says goodbye at once, or half a
// second after it has begun to announce, and returns when that is 3.6 s ago.
//
// The interfaces are looked at every 2 s, whether or not self.Changed tells anything.
func (p *Provider) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	r := &run{Provider: p, self: self, sight: sight, table: newTable(self.Key, p.options.Period),
		schedule: schedule{period: p.options.Period, random: p.random}}
	return r.run(ctx)
}
