// Package mdns finds nodes by DNS-SD over multicast DNS, and announces this one: wire.md §8.2.
//
// A node announces itself, answers questions and says goodbye in sockets of its own on port 5353. There it hears
// answers, changes and goodbyes, with the interface on which they came in. github.com/grandcat/zeroconf asks which nodes
// there are. When the interfaces change, all of it is opened anew.
//
// All packets are multicast on local networks of the machine, so an attacker cannot have them sent elsewhere. Only a question
// that comes by multicast from the LAN is answered, on each interface at most once a second. Questions from other
// ports than 5353 and questions sent to the machine alone are not answered.
//
// What is heard is a hint: a claim that this key is here. What a flood of forged records can cost is bounded: 1,024
// instances, each with 8 addresses, are remembered, and questions out of turn have a limit. What was said last counts, so
// while records are forged a goodbye may miss some of the addresses that were said before; they run out then (wire.md §8.2).
// A forged goodbye is contradicted.
//
// An address of a node is lost when it was not heard for three periods, and less than half a second after the node's goodbye.
package mdns

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// DefaultPeriod is how often a node asks who is there, unless Options says otherwise.
const DefaultPeriod = 30 * time.Second

// Options are what can be chosen. The zero value works.
type Options struct {
	// Interfaces are the names of the network interfaces to use. If empty, all that are not point-to-point. An interface
	// that is down, without a cable, without an address or unable to multicast is never used, nor is a loopback. A
	// node that is announced uses only the interfaces on which others can reach it. AddInterface and RemoveInterface change
	// Interfaces while the provider runs.
	Interfaces []string

	// Period is the least time between questions who is there, plus or minus a quarter. An address holds for three periods
	// without being heard. If zero, DefaultPeriod. Less than a second is a second.
	Period time.Duration
}

// A Provider is discovery by multicast DNS. It keeps nothing between runs. It is safe for concurrent use.
type Provider struct {
	options  Options
	chosen   *lan.Chooser        // of the interfaces
	counters lan.Counters[Stats] // where its goroutines count
	random   func() float64      // in [0, 1); safe for concurrent use
	open     func(context.Context, discovery.Self, []discovery.Interface, bool, *lan.Problems) (access, error)
}

// New returns a provider.
func New(o Options) *Provider {
	if o.Period == 0 {
		o.Period = DefaultPeriod
	}
	o.Period = max(o.Period, time.Second)
	p := &Provider{options: o, chosen: lan.NewChooser(o.Interfaces), random: rand.Float64}
	p.open = p.openNetwork
	return p
}

// Name returns "mdns".
func (p *Provider) Name() string { return "mdns" }

// AddInterface has the interfaces with a name used from now on, as if it were in Options.Interfaces, beside those that are used
// already. There need not be one yet. It returns false if the name had been given before.
func (p *Provider) AddInterface(name string) bool { return p.chosen.Add(name) }

// RemoveInterface has no interface with a name used from now on. The node says goodbye there, and what was heard there is lost.
// It returns false if such an interface would not have been used anyway.
func (p *Provider) RemoveInterface(name string) bool { return p.chosen.Remove(name) }

// Run implements discovery.Provider. The error is a *NetworkError, at once if the network cannot be used at the start,
// and when it could not for 10 s later on. Without an error Run ends when ctx does: it says goodbye at once, again 50 ms
// later, and returns.
//
// The interfaces are looked at every 2 s, also without news from self.Changed.
func (p *Provider) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	r := &run{Provider: p, self: self, sight: sight, table: newTable(self.Key, p.options.Period),
		problems: lan.Problems{Tell: self.Problems},
		schedule: schedule{period: p.options.Period, random: p.random}}
	return r.run(ctx)
}
