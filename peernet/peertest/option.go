package peertest

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// An Option changes a Network that is being made.
type Option func(*Network)

// Seed sets what the nodes' randomness is made from: ephemeral keys, and how long they wait before they dial again. Without
// it, 1.
func Seed(seed uint64) Option { return func(n *Network) { n.seed = seed } }

// Patience sets how long is waited, for what is awaited and for a node to stop, before the test fails: on the bubble's clock,
// or the real one. Without it a minute, which is longer than a node takes to dial a lost peer again.
func Patience(d time.Duration) Option { return func(n *Network) { n.patience = d } }

// A NodeOption changes a Node that is being made.
type NodeOption func(*Node)

// Setup has f called with each peernet.Node that is made for the Node, the first and that of every Restart, before it
// starts: the place to register handlers. An error fails the test. Several are called in order.
func Setup(f func(*peernet.Node) error) NodeOption {
	return func(n *Node) { n.setup = append(n.setup, f) }
}

// Configure has f change the configuration of each peernet.Node that is made for the Node, which the kit has filled in as
// the package's documentation says. Several are called in order.
//
// With a DataDir the trust set is in its peers file and not the kit's to bring over a Restart. Where Listen names all
// addresses, or another port, it must be a fixed port for others to find the node after a Restart.
func Configure(f func(*peernet.Config)) NodeOption {
	return func(n *Node) { n.configure = append(n.configure, f) }
}
