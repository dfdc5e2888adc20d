// Package discovery says where keys were seen on the network (wire.md §8); never whether they are trusted.
//
// A Provider looks in one way: by broadcasts, by mDNS, by what a program or a test tells it. Whatever it
// reports is a hint where to dial. The handshake alone decides who is there.
package discovery

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A Provider watches for other nodes, and announces this one, until it is told to stop.
type Provider interface {
	// Name is short, lower case and does not change: "udp", "mdns", "manual".
	Name() string

	// Run looks for peers until ctx ends, then stops announcing, waits for its goroutines and returns nil, all
	// within 5 s. An error says why it cannot work; it is reported, and Run is called again later. What it has
	// reported without a TTL is withdrawn then.
	//
	// sight may be called from any goroutine of Run's, never after Run has returned. It does not block: when more
	// than 1,024 of a provider's sightings wait to be looked at, another one is dropped. So report again what still
	// holds. What has no valid address, port 0, a TTL below 0 or Self's key is ignored.
	Run(ctx context.Context, self Self, sight func(Sighting)) error
}

// Self is what a provider may know of the node it works for. It holds neither the private key nor whom the
// node trusts.
type Self struct {
	Key        identity.PublicKey
	Port       uint16 // TCP port the node listens on; 0: it does not listen, there is nothing to announce
	ListenOnly bool   // look, but announce nothing

	// Addr is the address that the node listens on; zero, or unspecified: all of this machine's. A node that listens on
	// one is announced only where that address is.
	Addr netip.Addr

	// Private, if not nil, is private mode: neither Key nor Port may be sent, but what Private makes. Only a Discreet
	// provider is given it.
	Private Private

	// Interfaces lists the network interfaces as they are now.
	Interfaces func() ([]Interface, error)

	// Changed receives after the machine's addresses have changed, or it has been asleep: time to announce again, and
	// to look at the interfaces anew. It has room for one, so that several changes may be one. Nil: never.
	Changed <-chan struct{}

	// ListenPacket opens a datagram socket as net.ListenConfig.ListenPacket does. Other sockets of this machine may
	// be bound to the same address: each of them receives what is broadcast or multicast there.
	ListenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)
}

// An Interface is a network interface at one moment.
type Interface struct {
	Index int
	Name  string
	Flags net.Flags
	Addrs []netip.Prefix // link-local IPv6 addresses without their zone: it is Name
}

// A Sighting is one thing a provider has seen, or stopped seeing. Nothing in it is authenticated.
type Sighting struct {
	Key       identity.PublicKey
	Addr      netip.AddrPort // where the key is said to listen; IPv6 zones kept
	Interface string         // where it was heard; empty if that means nothing
	TTL       time.Duration  // how long it holds without being repeated; 0: until it is withdrawn
	Gone      Reason         // not empty: the provider that reported this address takes it back, and why
}

// A Reason says why a sighting ended.
type Reason string

// Reasons why a sighting ended.
const (
	Expired   Reason = "expired"   // not repeated in time, or displaced by others of the key; the presence table decides that
	Goodbye   Reason = "goodbye"   // the peer said that it stops
	Withdrawn Reason = "withdrawn" // the provider that reported it takes it back
)
