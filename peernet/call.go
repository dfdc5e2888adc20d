package peernet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A CallOption changes how one call or send is made.
type CallOption func(callOptions) callOptions

type callOptions struct {
	wait   bool
	atOnce int // of AtOnce
	use    []OutgoingMiddleware
}

// optionsOf costs no allocation of its own.
func optionsOf(opts []CallOption) (o callOptions) {
	for _, f := range opts {
		o = f(o)
	}
	return o
}

// WaitForReady makes a call to a trusted peer that is not connected wait, under its context, instead of failing
// with ErrNotConnected.
func WaitForReady() CallOption {
	return func(o callOptions) callOptions {
		o.wait = true
		return o
	}
}

// Call asks a peer's handler and waits for its answer. args may be anything that MessagePack can hold, or a
// Raw. The peer learns of ctx's deadline and trace, and when ctx ends before the answer it is told to stop.
//
// The error is a *RemoteError if the peer answered so; ErrNotTrusted or ErrNotConnected if it was not asked;
// ErrLinkLost or the context's error if no answer came: Sent tells whether the request may have been carried
// out.
func (n *Node) Call(ctx context.Context, key identity.PublicKey, name string, args any, opts ...CallOption) (Raw, error) {
	o := optionsOf(opts)
	if o.use == nil && n.around.calls.Load() == nil {
		return n.call(ctx, key, name, args, o.wait)
	}
	return n.invoke(ctx, &Outgoing{Peer: key, Name: name, Args: args, options: o})
}

func (n *Node) call(ctx context.Context, key identity.PublicKey, name string, args any, wait bool) (Raw, error) {
	link, err := n.link(ctx, key, wait)
	for err == nil {
		var result Raw
		if result, err = link.Call(ctx, name, TraceOf(ctx), args); err == nil {
			return result, nil
		}
		if !session.Unsent(err) {
			break
		}
		link, err = n.relink(ctx, key, link, wait)
	}
	return Raw{}, &callError{"call", name, err}
}

// Call is Node.Call with a result of type R. The error also tells of a result that is no R.
func Call[R any](ctx context.Context, n *Node, key identity.PublicKey, name string, args any, opts ...CallOption) (R, error) {
	var result R
	raw, err := n.Call(ctx, key, name, args, opts...)
	if err != nil {
		return result, err
	}
	if err := decode(raw, &result); err != nil {
		return result, &callError{"call", name, &resultError{fmt.Errorf("the result is no %T: %w", result, err)}}
	}
	return result, nil
}

// Send hands a peer's handler a message that nobody answers. nil says that it was queued, in order with other
// sends to the peer; not that it has arrived.
func (n *Node) Send(ctx context.Context, key identity.PublicKey, name string, args any, opts ...CallOption) error {
	o := optionsOf(opts)
	if o.use == nil && n.around.calls.Load() == nil {
		return n.send(ctx, key, name, args, o.wait)
	}
	_, err := n.invoke(ctx, &Outgoing{Peer: key, Name: name, Args: args, IsSend: true, options: o})
	return err
}

func (n *Node) send(ctx context.Context, key identity.PublicKey, name string, args any, wait bool) error {
	link, err := n.link(ctx, key, wait)
	for err == nil {
		if err = link.Send(ctx, name, args); err == nil {
			return nil
		}
		if !session.Unsent(err) {
			break
		}
		link, err = n.relink(ctx, key, link, wait)
	}
	return &callError{"send", name, err}
}

// Ping returns the time that a message takes to the peer's node and back. If the session ends before the answer comes and
// another one takes its place, that one is asked: a ping may be made twice.
func (n *Node) Ping(ctx context.Context, key identity.PublicKey) (time.Duration, error) {
	link, err := n.link(ctx, key, false)
	var lost error
	for err == nil {
		var rtt time.Duration
		if rtt, err = link.Ping(ctx); err == nil {
			return rtt, nil
		}
		if errors.Is(err, ErrLinkLost) {
			lost = err
		} else if !session.Unsent(err) {
			break
		}
		link, err = n.relink(ctx, key, link, false)
	}
	if lost != nil && err == ErrNotConnected {
		err = lost // which says more
	}
	return 0, &callError{"ping", "", err}
}

// link returns the session to use, or why there is none.
func (n *Node) link(ctx context.Context, key identity.PublicKey, wait bool) (*session.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if link := n.directory.Link(key); link != nil {
		return link, nil
	}
	return n.relink(ctx, key, nil, wait)
}

// relink returns another session than the one that is closing.
func (n *Node) relink(ctx context.Context, key identity.PublicKey, closing *session.Link, wait bool) (*session.Link, error) {
	switch {
	case key == n.self:
		return nil, ErrSelf
	case n.done():
		return nil, ErrClosed
	case !n.running():
		return nil, ErrNotStarted
	case !n.trust.Contains(key):
		return nil, ErrNotTrusted
	case closing == nil && !wait:
		return nil, ErrNotConnected
	}
	if wait {
		n.root.Wake(key)
	}
	link, err := n.directory.Await(ctx, key, closing)
	switch {
	case err != nil:
		return nil, fmt.Errorf("waiting for the peer to connect: %w", err)
	case link != nil:
		return link, nil
	case wait:
		return n.relink(ctx, key, nil, wait)
	}
	return nil, ErrNotConnected
}
