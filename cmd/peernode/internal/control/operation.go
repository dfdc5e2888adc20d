package control

import (
	"context"
	"net/http"
)

// Operations are what a node does on command. Each returns soon after its context ends.
var (
	// GetNode says who the node is and how it is doing.
	GetNode = Operation[Node]{"node", maxPlain}
	// GetPeers lists the trusted peers, in the order of the peers file.
	GetPeers = Operation[Peers]{"peers", maxPlain}
	// GetListeners lists the addresses that the node listens on, in the order in which they were added.
	GetListeners = Operation[Listeners]{"listeners", maxPlain}
	// AddListener has the node listen on one more address, the only one of Addresses.
	AddListener = Operation[ListenerChange]{"listener_add", maxPlain}
	// RemoveListener has it listen there no more. The address is that of a socket, or as it was given when it was added.
	RemoveListener = Operation[ListenerChange]{"listener_remove", maxPlain}
	// AddInterface has the providers use the network interface Name too, wherever that is possible.
	AddInterface = Operation[InterfaceChange]{"interface_add", maxPlain}
	// RemoveInterface has them use it no more.
	RemoveInterface = Operation[InterfaceChange]{"interface_remove", maxPlain}
	// GetKnocks lists who was refused because the key is not trusted, newest first.
	GetKnocks = Operation[Knocks]{"knocks", maxPlain}
	// IgnoreKnock forgets the knocks of a key; Peer is its number or the key.
	IgnoreKnock = Operation[KeyChange]{"knock_ignore", maxPlain}
	// AcceptKnock trusts the key of a knock from now on, with the label Name.
	AcceptKnock = Operation[KeyChange]{"knock_accept", maxPlain}
	// GetBlocked lists the keys that are blocked.
	GetBlocked = Operation[Blocked]{"blocked", maxPlain}
	// BlockKey drops a key, whether it is trusted or not, for the time For.
	BlockKey = Operation[KeyChange]{"block", maxPlain}
	// UnblockKey ends that.
	UnblockKey = Operation[KeyChange]{"unblock", maxPlain}
	// Watch tells the peers as they are, then each thing that happens to them, one at a time. It goes on until its context
	// ends, tell fails or the node stops, and returns the reason as an error.
	Watch = Stream[struct{}]{"watch"}
	// Expose lets peers reach a TCP address by a name, until its context ends, and Forward has a TCP address of this machine lead to
	// a name of a peer. Each tells first that it has begun, then each connection that opens and closes.
	Expose  = Stream[Request]{"expose"}
	Forward = Stream[Request]{"forward"}
	// Pipe opens a stream of bytes to a name of a peer, and Take takes the first one that a peer opens to a name of this node. Each
	// joins it to the client.
	Pipe = Upgrade{"pipe"}
	Take = Upgrade{"take"}
	// Discover lists the nodes that are seen on the network, trusted or not, and how the providers that look are doing.
	Discover = Operation[Discovered]{"discovered", maxPlain}
	// Connect connects the node to the peer, and waits until it is.
	Connect = Operation[Peer]{"connect", maxPlain}
	// Wait waits until the node is connected to the peer. It does not dial.
	Wait = Operation[Peer]{"wait", maxPlain}
	// Explain tells what the node knows of its link to the peer.
	Explain = Operation[Why]{"why", maxPlain}
	// Call runs a handler of the peer and waits for its result.
	Call = Operation[CallAnswer]{"call", maxRequest}
	// CallAll runs a handler of every trusted peer at the same time. The answer has a result or an error for each, in the
	// order of the peers file. If all results have more than ResultsRoom bytes, errors take the place of the largest ones.
	CallAll = Operation[CallAllAnswer]{"call_all", maxRequest}
	// CallAsGuest runs a handler for guests of the node at the address, which has to be Peer unless that is empty.
	CallAsGuest = Operation[GuestAnswer]{"call_as_guest", maxRequest}
	// Send queues a message on the connection to the peer. It does not wait until the message arrives.
	Send = Operation[SendAnswer]{"send", maxRequest}
	// Ping measures one round trip to the peer.
	Ping = Operation[PingAnswer]{"ping", maxPlain}
)

// An Operation has one answer to each request.
type Operation[A any] struct {
	name string
	size int64 // bytes that a request may have
}

// Ask has the node do the operation and returns its answer, or the *Error that came instead.
func (o Operation[A]) Ask(ctx context.Context, c *Client, q Request) (a A, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout.Limit()+grace)
	defer cancel()
	answer, err := c.ask(ctx, o.name, q)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	return a, readAnswer(answer, &a)
}

// Show asks for the operation and gives its answer to show.
func (o Operation[A]) Show(ctx context.Context, c *Client, q Request, show func(A) error) error {
	a, err := o.Ask(ctx, c, q)
	if err != nil {
		return err
	}
	return show(a)
}

// Serve has s answer with what do returns. The context of do ends after the request's time, when the client closes the
// connection, and at Shutdown.
func (o Operation[A]) Serve(s *Server, do func(context.Context, Request) (A, error)) {
	handle(s, o.name, maxRequests, o.size, func(w http.ResponseWriter, r *http.Request, q Request) {
		ctx, cancel := context.WithTimeout(r.Context(), q.Timeout.Limit())
		defer cancel()
		a, err := do(ctx, q)
		if err != nil {
			s.writeError(w, reason(ctx, err))
			return
		}
		write(w, http.StatusOK, a)
	})
}
