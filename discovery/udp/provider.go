// Package udp finds nodes by announces of 39 bytes, broadcast over IPv4 and multicast over IPv6 on every local network of the
// machine: wire.md §8.1.
//
// A node is given a [Provider] made by [New]. It announces three times within a second, then every five
// seconds or a little less, and once more when it hears a key for the first time or the machine's addresses change.
// A node that falls silent is lost after 15 s: the protocol has no goodbye. Nodes on one machine share the port and find
// each other too.
//
// While the node offers a pairing (wire.md §14), an announce of 41 bytes says so every second.
//
// In private mode the announces are those of wire.md §8.3, which only peers recognise. They are sent only while there are
// peers. The work of looking at one grows with the number of peers, so what exceeds a limit is dropped and counted.
//
// What is heard is a hint, and may be forged. So other datagrams are dropped before anything is
// allocated for them, only addresses on a local network of this machine are reported, what is remembered is bounded, and a
// flood of forged keys draws one announce a second from this node on each interface.
package udp

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// DefaultPort is the UDP port of announces: wire.md §8.1.
const DefaultPort = 4040

// Options are how a Provider looks. The zero value is what nodes on a network want.
type Options struct {
	// Port is the UDP port that announces go to and are heard on, the same for all nodes. If zero, DefaultPort.
	Port uint16

	// Interfaces are the names of the interfaces to announce and listen on; they need not exist yet. If empty, all
	// that carry broadcasts or IPv6 multicasts, except loopback and point-to-point ones; if there are none, the
	// loopback. AddInterface and RemoveInterface change it while the provider runs.
	Interfaces []string

	// Broadcast are IPv4 addresses to announce to instead of the broadcast addresses of the interfaces and the group
	// of IPv6: 127.255.255.255 for the nodes of this machine alone. Only interfaces with a subnet that holds one of
	// them are used then. If empty, every usable interface is announced on.
	Broadcast []netip.Addr

	// Jitter returns random numbers in [0, 1), and is called from several goroutines. If nil, those of math/rand.
	Jitter func() float64
}

// A Provider finds nodes by announces. It is safe for concurrent use, and may run for several nodes at once.
type Provider struct {
	options  Options
	chosen   *lan.Chooser        // of the interfaces
	counters lan.Counters[Stats] // where its goroutines count
}

// New returns a provider. It does nothing before Run.
func New(o Options) *Provider {
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	o.Broadcast = slices.Clone(o.Broadcast)
	return &Provider{options: o, chosen: lan.NewChooser(o.Interfaces)}
}

// Name returns "udp".
func (p *Provider) Name() string { return "udp" }

// Discreet implements discovery.Discreet: in private mode private announces are sent and heard, and no others.
func (p *Provider) Discreet() {}

// AddInterface has the interfaces with a name used from now on, as if it were in Options.Interfaces, beside those that are used
// already. There need not be one yet. It returns false if the name had been given before.
func (p *Provider) AddInterface(name string) bool { return p.chosen.Add(name) }

// RemoveInterface has no interface with a name used from now on. What was heard there holds until it expires, within 15 s. It
// returns false if such an interface would not have been used anyway.
func (p *Provider) RemoveInterface(name string) bool { return p.chosen.Remove(name) }

// Run announces self, unless it is to look only or listens nowhere, and reports every announce of another node,
// until ctx ends. Then it returns nil within a second or so, and has left nothing behind.
//
// The error is a [*ListenError] if the port cannot be had, [ErrBroadcast] for such an option, or why reading from the
// socket failed again and again. What fails on one interface does not stop the others, nor does IPv6 stop IPv4: it is
// counted in Stats, and tried again with the next announce.
func (p *Provider) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	if slices.ContainsFunc(p.options.Broadcast, func(a netip.Addr) bool { return !a.Is4() }) {
		return ErrBroadcast
	}
	conn, err := p.listen(ctx, self, "udp4")
	if err != nil && ctx.Err() == nil {
		return &ListenError{Port: p.options.Port, Err: err}
	} else if err != nil {
		return nil
	}
	r := newRun(p, self, sight, conn)
	defer r.stop()
	return r.loop(ctx)
}
