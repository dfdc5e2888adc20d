package discovery

import "github.com/seed-f6ddb928/peernet-go/identity"

// Private makes and recognises what a node in private mode announces (wire.md §8.3), for providers that know neither its
// private key nor whom it trusts. It is safe for concurrent use.
type Private interface {
	// Announce returns the datagrams that tell those who are paired with this node, and nobody else, that it listens on
	// port: none if nobody is. They are others each time, and must be: who sees one twice, in two places, knows that both
	// come from one node.
	Announce(port uint16) ([][]byte, error)

	// Hear returns which of those who are paired has made a datagram, and the port that it listens on. An error says that
	// none has. It does work for each of them, so its caller bounds how often a stranger can have it done.
	Hear(datagram []byte) (key identity.PublicKey, port uint16, err error)

	// Len returns how many are paired.
	Len() int
}

// A Discreet provider is fit for private mode: while Self.Private is set it sends nothing but what that makes, and so nothing
// that tells who the node is. A node in private mode takes no other.
type Discreet interface {
	Provider

	// Discreet does nothing.
	Discreet()
}
