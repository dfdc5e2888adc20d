// Package discovery says where keys were seen on the network (wire.md §8); never whether they are trusted.
//
// A Provider looks for nodes in one way: by broadcasts, by mDNS, or in the words of a program or a test. Its reports
// are hints where to dial. The handshake alone proves who is there.
package discovery

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Provider watches for other nodes, and announces this one, until its context ends.
type Provider interface {
	// Name is short, lower case and does not change: "udp", "mdns", "manual".
	Name() string

	// Run looks for peers until ctx ends. Then it stops announcing, waits for its goroutines and returns nil, all within 5
	// s. An error says why it cannot work. The node reports the error, withdraws the sightings without a TTL, and calls
	// Run again later.
	//
	// Any goroutine of Run may call sight, but not after Run has returned. sight does not block: if 1,024 sightings of a
	// provider wait for the node, further ones are dropped. So report again what still holds. A sighting without a valid
	// address, with port 0, a TTL below 0 or Self's key is ignored.
	Run(ctx context.Context, self Self, sight func(Sighting)) error
}

// Self is what a provider may know about its node. It holds neither the private key nor the keys that the node trusts.
type Self struct {
	Key        identity.PublicKey
	ListenOnly bool // look, but announce nothing

	// Listens returns the TCP addresses that the node listens on now, in the order in which they were added. An address that is
	// unspecified stands for all of this machine's: 0.0.0.0 for those of IPv4, :: for those of both families. On each
	// interface the node is announced at the first one that others can reach there (wire.md §8.1), and nowhere if there is
	// none. It does not wait. If nil, the node listens nowhere.
	Listens func() []netip.AddrPort

	// Private, if not nil, is private mode: the provider must send neither Key nor a port, but only the datagrams of
	// Private. Only a Discreet provider runs in private mode.
	Private Private

	// Offers is where the provider reads which pairing the node offers, and notes those that it hears of. A provider that
	// cannot announce them may ignore it. It may be nil.
	Offers *Offers

	// Problems, if not nil, takes all that the provider cannot do while it runs, whenever this may have changed. A Run begins
	// with none. It does not block, and is not called after Run has returned.
	Problems func([]Problem)

	// Interfaces lists the network interfaces as they are now.
	Interfaces func() ([]Interface, error)

	// Changed receives a value after the machine's addresses or those of Listens have changed, or after the machine has been
	// asleep: time to announce and to look at the interfaces again. It holds one value, so several changes may be one. If
	// nil, it never does.
	Changed <-chan struct{}

	// ListenPacket opens a datagram socket as net.ListenConfig.ListenPacket does. Other sockets of this machine may be
	// bound to the same address: each receives all broadcasts and multicasts there.
	ListenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)
}

// An Interface is a network interface at one moment.
type Interface struct {
	Index int
	Name  string
	Flags net.Flags
	Addrs []netip.Prefix // link-local IPv6 addresses without their zone: it is Name
}

// A Sighting says that a provider has seen a key at an address, or no longer sees it. Nothing in it is authenticated.
type Sighting struct {
	Key       identity.PublicKey
	Addr      netip.AddrPort // where the key is said to listen; IPv6 zones kept
	Interface string         // the network interface that heard it; empty if no interface did
	TTL       time.Duration  // how long it holds without being repeated; 0 if until it is withdrawn
	Gone      Reason         // why the provider takes this address back; empty if it does not
}

// A Reason says why a sighting ended.
type Reason string

// Reasons why a sighting ended.
const (
	Expired   Reason = "expired"   // not repeated in time, or displaced by other addresses of the key; the node decides that
	Goodbye   Reason = "goodbye"   // the peer said that it stops
	Withdrawn Reason = "withdrawn" // the provider takes it back
)
