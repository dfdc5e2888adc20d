package peernet

import (
	"context"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// An Outgoing is a call, send or stream on its way out. Middleware may change it before it calls next. Middleware that needs another
// Outgoing copies this one and changes the copy: a fresh one lacks the options of the call.
type Outgoing struct {
	Peer   identity.PublicKey // of a call as a guest: the key that has to answer; zero: any
	Addr   string             // of a call as a guest: the "host:port" where it is made; else empty
	Name   string
	Args   any  // not yet encoded. CallMany, CallEach and SendMany make it a Raw, or a *Shared if the dialect is not known yet
	IsSend bool // there is no answer

	// IsStream says that the call lasts as long as a stream does: next returns when that is over, always without a result. Middleware of a
	// stream runs in a goroutine of its own once the handler of the peer has begun. It may call next again only if it did not.
	IsStream bool

	options callOptions
}

// An Invoker makes a call or send. Of a send the Raw is zero. It may be called more than once, also at the same time.
type Invoker func(ctx context.Context, o *Outgoing) (Raw, error)

// An OutgoingMiddleware makes an Invoker of another: one that does something before it calls next, after that, or in its
// place. It runs in the caller's goroutine, or in those of CallMany and its like, and a panic in it is
// the caller's. An error of its own that it returns after it called next should tell Sent of that, by wrapping the error
// of next or by a method RequestSent() bool.
//
// It is called once with each Invoker that it is put around: node-wide middleware again when the node's middleware changes,
// that of a call each time the call is made.
type OutgoingMiddleware func(next Invoker) Invoker

// UseOutgoing puts middleware around all calls and sends of the node, not around pings: the first is the outermost, and the
// middleware of an earlier UseOutgoing is outside that of a later one. It may be called at any time, and is in effect for calls
// and sends from then on. Call decodes results outside of it.
func (n *Node) UseOutgoing(m ...OutgoingMiddleware) {
	n.around.mu.Lock()
	defer n.around.mu.Unlock()
	n.around.out = slices.Concat(n.around.out, m)
	chain := wrap(n.around.out, n.invokeOne)
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

// invoke makes a call or send inside its middleware, if it has any.
func (n *Node) invoke(ctx context.Context, o Outgoing) (Raw, error) {
	chain := n.around.calls.Load()
	if chain == nil && o.options.use == nil {
		return n.request(ctx, &o)
	}
	kept := o // a copy of its own, so that calls without middleware cost no allocation
	if chain == nil {
		return n.invokeOne(ctx, &kept)
	}
	return (*chain)(ctx, &kept)
}

// invokeOne makes a call or send inside its own middleware. It is the Invoker inside all node-wide middleware.
func (n *Node) invokeOne(ctx context.Context, o *Outgoing) (Raw, error) {
	return wrap(o.options.use, n.request)(ctx, o)
}
