package peernet

import (
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Presence is one address at which one provider sees a key. None of it is proved: any machine on a network can claim
// that any key is there.
type Presence struct {
	Peer      identity.PublicKey
	Trusted   bool   // whether Connect would be allowed
	Label     string // ours, if it is trusted
	Addr      netip.AddrPort
	Source    string    // the provider
	Interface string    // on which it was heard; empty if the provider has no interfaces
	First     time.Time // when it was first heard there
	Last      time.Time // when it was last heard
	Until     time.Time // when it is lost unless it is heard again; zero: never, as while the peer is connected
}

// Discovered returns the keys that are seen now, trusted or not, in the order of keys, addresses and providers. It is empty
// once Shutdown has begun. At most 1,024 untrusted keys are kept, with at most 16 entries each, and at most 128 entries of
// a trusted key: an address that two providers report counts twice.
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

// What a discovery provider looks like at one moment, and its state.
type (
	ProviderStatus = discovery.Status
	ProviderState  = discovery.State
)

// States of a provider.
const (
	ProviderRunning  = discovery.Running
	ProviderImpaired = discovery.Impaired
	ProviderFailed   = discovery.Failed
	ProviderEnded    = discovery.Ended
)

// Providers returns the discovery providers, in the order of Config.Discovery, once they have begun.
func (n *Node) Providers() []ProviderStatus { return n.board.Providers() }
