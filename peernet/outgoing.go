package peernet

import (
	"context"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// An Outgoing is a call or send on its way out. Middleware may change it before it calls next; one that needs another hands
// on a changed copy, as a fresh Outgoing would have lost the options of the call.
type Outgoing struct {
	Peer   identity.PublicKey
	Name   string
	Args   any  // not yet encoded
	IsSend bool // nobody will answer

	options callOptions
}

// An Invoker makes a call or send. Of a send the Raw is zero. It may be called more than once, also at the same time.
type Invoker func(ctx context.Context, o *Outgoing) (Raw, error)

// An OutgoingMiddleware makes an Invoker of another: one that does something before it calls next, after that, or in its
// place. It runs in the goroutine of whoever calls, or in those that CallMany and its like have for that, and a panic in it is
// the caller's. An error of its own that is returned after next was called should tell of that to Sent, by wrapping the error
// of next or by a method RequestSent() bool.
//
// It is called once with each Invoker that it is put around: node-wide ones again when the node's middleware changes, those
// of a call each time that it is made.
type OutgoingMiddleware func(next Invoker) Invoker

// UseOutgoing puts middleware around all calls and sends of the node, not around pings: the first is the outermost, and what
// an earlier UseOutgoing has put is outside what a later one puts. It may be called at any time, and is in effect for what is
// called and sent from then on. Call decodes results outside of it.
func (n *Node) UseOutgoing(m ...OutgoingMiddleware) {
	n.around.mu.Lock()
	defer n.around.mu.Unlock()
	n.around.out = slices.Concat(n.around.out, m)
	if len(n.around.out) == 0 {
		return
	}
	chain := wrapInvoker(n.around.out, n.inner)
	n.around.calls.Store(&chain)
}

// UseOutgoing puts middleware around one call or send, inside what Node.UseOutgoing puts around all: the first is the
// outermost.
func UseOutgoing(m ...OutgoingMiddleware) CallOption {
	return func(o callOptions) callOptions {
		o.use = slices.Concat(o.use, m)
		return o
	}
}

// invoke makes a call or send that has middleware.
func (n *Node) invoke(ctx context.Context, o *Outgoing) (Raw, error) {
	if chain := n.around.calls.Load(); chain != nil {
		return (*chain)(ctx, o)
	}
	return n.inner(ctx, o)
}

// inner is what node-wide middleware is put around: the middleware of the one call, and the call.
func (n *Node) inner(ctx context.Context, o *Outgoing) (Raw, error) {
	return wrapInvoker(o.options.use, n.bare)(ctx, o)
}

// bare is an Invoker without middleware.
func (n *Node) bare(ctx context.Context, o *Outgoing) (Raw, error) {
	if o.IsSend {
		return Raw{}, n.send(ctx, o.Peer, o.Name, o.Args, o.options.wait)
	}
	return n.call(ctx, o.Peer, o.Name, o.Args, o.options.wait)
}

func wrapInvoker(m []OutgoingMiddleware, next Invoker) Invoker {
	for _, around := range slices.Backward(m) {
		next = around(next)
	}
	return next
}
