package peernet

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
)

// A Presence is one address at which one provider sees a key. Nothing of it is proved: any machine on a network can claim
// that any key is there.
type Presence struct {
	Peer      identity.PublicKey
	Trusted   bool   // whether Connect would be allowed
	Label     string // ours, if it is trusted
	Addr      netip.AddrPort
	Source    string    // the provider
	Interface string    // on which it was heard; empty if that means nothing
	First     time.Time // when it was first heard there
	Last      time.Time // when it was last heard
	Until     time.Time // when it is lost unless it is heard again; zero: never, as while the peer is connected
}

// Discovered returns the keys that are seen now, trusted or not, in the order of keys, addresses and providers. It is empty
// once Shutdown has begun. At most 1,024 untrusted keys are kept, and at most 16 entries of each key: an address that two
// providers report counts twice.
func (n *Node) Discovered() []Presence {
	seen := n.board.Presences()
	list := make([]Presence, 0, len(seen))
	for _, s := range seen {
		p := Presence{Peer: s.Key, Addr: s.Addr, Source: s.Source, Interface: s.Interface, First: s.First, Last: s.Last, Until: s.Until}
		if t, ok := n.trust.Get(s.Key); ok {
			p.Trusted, p.Label = true, t.Label
		}
		list = append(list, p)
	}
	return list
}

// A ProviderState is the state of a discovery provider.
type ProviderState string

// States of a provider.
const (
	ProviderRunning = ProviderState(finder.Running) // it looks and announces, as far as is known
	ProviderFailed  = ProviderState(finder.Failed)  // it has ended by itself, and is run again later
	ProviderEnded   = ProviderState(finder.Ended)   // the node stops, or has stopped
)

// A ProviderStatus describes a discovery provider at one moment.
type ProviderStatus struct {
	Name      string
	State     ProviderState
	Since     time.Time
	Err       error     // why it failed, and what can be done about it; also for a minute after it has been run again
	Next      time.Time // when it is run again after a failure, at the latest; else zero
	Sightings uint64    // taken in
	Dropped   uint64    // sightings that were not: too many at once, or too many keys that are not trusted

	// Counts has the provider's own counts since it was made, if it is a discovery.Counter; else nil.
	Counts map[string]uint64
}

// Providers returns the discovery providers, in the order of Config.Discovery, once they have begun.
func (n *Node) Providers() []ProviderStatus {
	all := n.board.Providers()
	list := make([]ProviderStatus, 0, len(all))
	for _, s := range all {
		p := ProviderStatus{Name: s.Name, State: ProviderState(s.State), Since: s.Since, Err: s.Err, Next: s.Next,
			Sightings: s.Sightings, Dropped: s.Dropped}
		if c, ok := s.Provider.(discovery.Counter); ok {
			p.Counts = c.Counts()
		}
		list = append(list, p)
	}
	return list
}
