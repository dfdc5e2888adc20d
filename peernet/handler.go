package peernet

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
)

// A Handler answers what peers call or send by its name. It runs in a goroutine of its own; calls of one peer
// run concurrently, its sends one at a time in order.
//
// The result may be anything that MessagePack can hold (a peer on the BEAM gets it in that dialect), or a Raw. ctx ends when the caller has given up, its
// deadline has passed, or the link is lost; that of a send only when the peer is unpaired or the node stops. At a deadline the
// caller cancels as well, and whichever comes first decides: ctx.Err may be either error. An error
// answers with its code: see NewError, and ErrNoHandler and its like. Any other error is `failed`, with its text. So is the error
// of a call which the handler has made, whatever its code: to hand on the answer of the third node, return the *RemoteError
// itself. A panic is contained: the caller gets `internal` and the number of an incident, which the log explains.
type Handler func(ctx context.Context, r *Request) (any, error)

// A Raw is one value as bytes in the peer's dialect, decoded when its type is known.
type Raw = envelope.Raw

// A Request is one call or send to a handler. It is safe for concurrent use.
type Request struct {
	r    *serve.Request
	node *Node
}

// Name returns the handler's name.
func (r *Request) Name() string { return r.r.Name() }

// Args returns the arguments. The handler may keep the bytes, and must not change them.
func (r *Request) Args() Raw { return r.r.Args() }

// IsSend reports whether the request has no answer.
func (r *Request) IsSend() bool { return r.r.IsSend() }

// IsStream reports whether the caller asks for a stream: the handler may run for as long as that lasts.
func (r *Request) IsStream() bool { return r.r.Stream() != nil }

// Trace returns the W3C traceparent that the caller sent, "" if it sent none. It has the right shape; its content
// is untrusted. Sends bring none (wire.md §6.5).
func (r *Request) Trace() string { return r.r.Trace() }

// Fail answers a call with err while its handler still runs, and ends the handler's context: it is for middleware that
// waits no longer. It returns false if the call is answered already, or r is a send. The call counts towards
// Limits.CallsPerPeer until its handler has returned, and what the handler returns goes nowhere. It may be
// called from any goroutine, at any time; like every reply it waits for room while the peer reads slowly.
func (r *Request) Fail(err error) bool { return r.r.Fail(err) }

// Caller returns the peer that asks.
func (r *Request) Caller() Caller { return r.node.caller(r.r.Session()) }

// A Caller is a peer that calls a handler. Its key is proved.
type Caller struct {
	Key   identity.PublicKey
	Label string         // ours for it, from the trust set; empty for a guest, also if its key is trusted
	Name  string         // what the peer calls itself: untrusted
	Addr  netip.AddrPort // where it calls from
	Guest bool           // it is a guest: anybody can be one
}

// caller returns the peer that calls over a session. Label and name are looked up for each call: trust may change, and a
// hello may come after the first calls.
func (n *Node) caller(s *serve.Session) Caller {
	c := s.Conn()
	from := Caller{Key: c.Remote(), Name: c.Hello().Name, Addr: c.Addr(), Guest: s.IsGuest()}
	if !from.Guest {
		from.Label = n.trust.Label(c.Remote())
	}
	return from
}

// A HandleOption changes how a handler is served.
type HandleOption func(*registration)

// A registration is a handler that is about to be registered.
type registration struct {
	node *Node
	serve.Registration
	use    []Middleware
	window int // of streams; 0: the default
}

// Authorize lets only those callers use the handler for which allow returns true; the others get the answer for an unknown
// name, in the way that an unknown name gets it. allow is asked on every call and send, in the handler's goroutine, before any
// middleware. The time that it takes shows: an allow that asks a disk or a network tells a caller that there is something to
// ask about. One that answers at once hides the handler.
func Authorize(allow func(ctx context.Context, c Caller) bool) HandleOption {
	return func(g *registration) {
		n := g.node
		g.Allow = func(ctx context.Context, r *serve.Request) bool { return allow(ctx, n.caller(r.Session())) }
	}
}

// Handle registers a handler. The error is ErrTaken, or what is wrong with the name: 1 to 255 bytes of UTF-8,
// no control characters, not beginning with "$/". It may be called at any time, before Start too.
func (n *Node) Handle(name string, h Handler, opts ...HandleOption) error {
	return n.handle(name, func(*registration) Handler { return h }, opts)
}

// handle registers the handler that made returns once the options are known.
func (n *Node) handle(name string, made func(*registration) Handler, opts []HandleOption) error {
	g := registration{Registration: serve.Registration{Name: name}, node: n}
	for _, o := range opts {
		o(&g)
	}
	h := made(&g)
	switch {
	case g.Audience == serve.PeersAlone:
	case g.IsStream:
		return fmt.Errorf("handler %q: %w", name, errGuestStream)
	case n.config.Private:
		return fmt.Errorf("handler %q: %w", name, errPrivateGuests)
	}
	return n.register(&g.Registration, wrap(g.use, func(ctx context.Context, r *Request) (any, error) {
		result, err := h(ctx, r)
		return result, errorForCaller(err)
	}))
}

// Unhandle takes a handler away. Calls that run go on. With the last handler for guests the sessions of guests end, once their calls
// are answered.
func (n *Node) Unhandle(name string) {
	if !envelope.Reserved([]byte(name)) {
		n.unhandle(name)
	}
}

func (n *Node) unhandle(name string) {
	served := n.server.ServesGuests()
	n.server.Remove(name)
	if served && !n.server.ServesGuests() && n.state.Load() != stateNew {
		n.root.CloseGuests()
	}
}

// Handlers returns the names that have a handler, sorted.
func (n *Node) Handlers() []string { return n.server.Names() }

// Handle registers a handler whose arguments and result have types. Arguments that do not decode into an A are
// answered `bad_args` without asking f. It is otherwise as Node.Handle.
//
// An A that is a concrete type costs what its arguments hold. Decoded into an any, a hostile peer's arguments may take a
// hundred times their size in memory.
func Handle[A, R any](n *Node, name string, f func(ctx context.Context, from Caller, args A) (R, error), opts ...HandleOption) error {
	return n.Handle(name, func(ctx context.Context, r *Request) (any, error) {
		args, err := decode[A](r.Args())
		if err != nil {
			return nil, &RemoteError{Code: envelope.CodeBadArgs, Text: fmt.Sprintf("%s takes a %T", name, args)}
		}
		return f(ctx, r.Caller(), args)
	}, opts...)
}

// decode returns r as a T. It copies neither a Raw nor a binary, as the bytes are ours alone, and allocates nothing for them.
func decode[T any](r Raw) (T, error) {
	var zero T
	switch any(zero).(type) {
	case Raw:
		return any(r).(T), nil
	case []byte:
		b, err := r.Binary()
		return any(b).(T), err
	}
	v := new(T)
	err := r.Decode(v)
	return *v, err
}
