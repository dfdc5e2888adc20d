package control

import (
	"context"
	"errors"
	"net/http"
)

// Operations are what a node does on command. Each returns soon after its context ends.
var (
	// GetNode says who the node is and how it is doing.
	GetNode = Operation[Node]{"node", maxPlain}
	// GetPeers lists the trusted peers, in the order of the peers file.
	GetPeers = Operation[Peers]{"peers", maxPlain}
	// Watch tells the peers as they are, then each thing that happens to them, one at a time. It goes on until
	// its context ends, tell fails or the node stops, and returns why: never nil.
	Watch = Stream[Change]{"watch"}
	// Discover tells who is seen on the network, trusted or not, and how those who look are doing.
	Discover = Operation[Discovered]{"discovered", maxPlain}
	// Connect connects the node to the peer, and waits until it is.
	Connect = Operation[Peer]{"connect", maxPlain}
	// Wait waits until the node is connected to the peer, and does nothing to bring that about.
	Wait = Operation[Peer]{"wait", maxPlain}
	// Explain tells what the node knows of its link to the peer.
	Explain = Operation[Why]{"why", maxPlain}
	// Call runs a handler of the peer and waits for its result.
	Call = Operation[CallAnswer]{"call", maxRequest}
	// CallAll runs a handler of every trusted peer at the same time and tells what came of each, in the order of the peers file.
	// The largest results are left out, each with an error in its place, if all have more than ResultsRoom bytes.
	CallAll = Operation[CallAllAnswer]{"call_all", maxRequest}
	// Send hands a message to the connection to the peer and does not wait for it to arrive.
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
	ctx, cancel := context.WithTimeout(ctx, q.limit()+grace)
	defer cancel()
	answer, err := c.ask(ctx, o.name, q)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	return a, readAnswer(answer, &a)
}

// Serve has s answer with what do returns. The context of do ends with the request's time, when the client goes away, and
// at Shutdown.
func (o Operation[A]) Serve(s *Server, do func(context.Context, Request) (A, error)) {
	handle(s, o.name, maxRequests, o.size, func(w http.ResponseWriter, r *http.Request, q Request) {
		ctx, cancel := context.WithTimeout(r.Context(), q.limit())
		defer cancel()
		a, err := do(ctx, q)
		switch {
		case err != nil && errors.Is(context.Cause(ctx), ErrStopping):
			s.refuse(w, ErrStopping)
		case err != nil:
			s.refuse(w, err)
		default:
			write(w, http.StatusOK, a)
		}
	})
}
