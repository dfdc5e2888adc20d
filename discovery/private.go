package discovery

import "github.com/seed-f6ddb928/peernet-go/identity"

// Private makes and recognises private announces (wire.md §8.3) for a provider, which knows neither the node's private
// key nor the keys that it trusts. It is safe for concurrent use.
type Private interface {
	// Announce returns the datagrams from which only paired nodes learn that this node listens on port. There are none if no
	// node is paired. They differ each time and must not be sent twice: an observer who sees a datagram in
	// two networks knows that both come from one node.
	Announce(port uint16) ([][]byte, error)

	// Hear returns the paired node that has made a datagram, and the port that it listens on. It fails if none has. Its
	// work grows with the number of paired nodes, so the caller must bound how often strangers can cause it.
	Hear(datagram []byte) (key identity.PublicKey, port uint16, err error)

	// Len returns the number of paired nodes.
	Len() int
}

// A Discreet provider is fit for private mode: while Self.Private is set it sends only the datagrams of Private, which
// do not show who the node is. A node in private mode accepts no other provider.
type Discreet interface {
	Provider

	// Discreet does nothing.
	Discreet()
}
