package peernet

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// A Middleware makes a handler of another: one that does something before it calls next, after that, or in its place. Calls
// and sends pass through it alike; Request.IsSend tells them apart. A panic in it is contained as one in a handler.
//
// It is called with each handler that it is put around, and again for the same handler when the node's middleware changes:
// keep counters and other things that must last outside next's wrapper. It must not call Use or Handle of the node
// itself.
//
// Package peernet/middleware has middleware that most nodes need, and peernet/otel one that traces.
type Middleware func(next Handler) Handler

// middlewares are put around a node's handlers and its own calls.
type middlewares struct {
	mu  sync.Mutex // held to change the rest, or the server's handlers
	in  []Middleware
	out []OutgoingMiddleware

	calls atomic.Pointer[Invoker] // made of out: every call reads it. Nil: out is empty
}

// Use puts middleware around all handlers of the node, those that are registered later too: the first is the outermost,
// and the middleware of an earlier Use is outside that of a later one. It may be called at any time, and is in effect for
// requests that arrive from then on. Callers whom Authorize turns away never reach it.
func (n *Node) Use(m ...Middleware) {
	n.around.mu.Lock()
	defer n.around.mu.Unlock()
	n.around.in = slices.Concat(n.around.in, m)
	n.server.Replace(func(r serve.Registration) serve.Registration {
		r.Handler = n.served(r.Inner.(Handler))
		return r
	})
}

// Use puts middleware around one handler, inside what Node.Use puts around all: the first is the outermost.
func Use(m ...Middleware) HandleOption {
	return func(g *registration) { g.use = slices.Concat(g.use, m) }
}

// register puts a handler in the table, inside the middleware of the node.
func (n *Node) register(r *serve.Registration, h Handler) error {
	n.around.mu.Lock()
	defer n.around.mu.Unlock()
	r.Inner = h // for when the middleware changes
	r.Handler = n.served(h)
	return n.server.Add(r)
}

// served returns a handler as the server runs it. It is called with around.mu held.
func (n *Node) served(h Handler) serve.Handler {
	h = wrap(n.around.in, h)
	return func(ctx context.Context, r *serve.Request) (any, error) { return h(ctx, &Request{r, n}) }
}

// wrap puts middleware around a Handler or an Invoker: the first is the outermost.
func wrap[M ~func(next F) F, F any](middleware []M, inner F) F {
	for _, m := range slices.Backward(middleware) {
		inner = m(inner)
	}
	return inner
}
