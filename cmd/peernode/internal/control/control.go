// Package control is the control socket of a running node: how the subcommands of peernode talk to it.
//
// It is HTTP with JSON bodies over a Unix socket in the node's data directory. Every operation is
// POST /v1/NAME; a status of 200 carries the answer, any other an Error. The answer of watch is a stream: a
// line for each thing to tell, and an Error as the last. Only the user the node runs as, and root, can reach
// it: the socket's mode is 0600 at every moment of its life, and where the system tells who is at the other
// end, that is checked as well.
//
// The package moves requests and answers. What they do is the Backend's business, and what an error means to
// a person is said by the function given to NewServer.
package control

import "context"

// Backend is what a node does on command. Server calls it, Client implements it. It is safe for concurrent
// use, and every method returns soon after its context ends.
type Backend interface {
	// Node says who the node is and how it is doing.
	Node(context.Context, Request) (Node, error)
	// Peers lists the trusted peers, in the order of the peers file.
	Peers(context.Context, Request) (Peers, error)
	// Watch tells the peers as they are, then each thing that happens to them, one at a time. It goes on until
	// its context ends, tell fails or the node stops, and returns why: never nil.
	Watch(ctx context.Context, q WatchRequest, tell func(Change) error) error
	// Discovered tells who is seen on the network, trusted or not, and how those who look are doing.
	Discovered(context.Context, Request) (Discovered, error)
	// Connect connects the node to the peer, and waits until it is.
	Connect(context.Context, ConnectRequest) (Peer, error)
	// Wait waits until the node is connected to the peer, and does nothing to bring that about.
	Wait(context.Context, PeerRequest) (Peer, error)
	// Why tells what the node knows of its link to the peer.
	Why(context.Context, PeerRequest) (Why, error)
	// Call runs a handler of the peer and waits for its result.
	Call(context.Context, CallRequest) (CallAnswer, error)
	// CallAll runs a handler of every trusted peer at the same time and tells what came of each, in the order of the peers file.
	// The largest results are left out, each with an error in its place, if all have more than ResultsRoom bytes.
	CallAll(context.Context, CallAllRequest) (CallAllAnswer, error)
	// Send hands a message to the connection to the peer and does not wait for it to arrive.
	Send(context.Context, CallRequest) (SendAnswer, error)
	// Ping measures one round trip to the peer.
	Ping(context.Context, PeerRequest) (PingAnswer, error)
}
