package peernet

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A CallOption changes how one call or send is made.
type CallOption func(*callOptions)

type callOptions struct {
	wait   bool
	atOnce int // of AtOnce
}

// WaitForReady makes a call to a trusted peer that is not connected wait, under its context, instead of failing
// with ErrNotConnected.
func WaitForReady() CallOption { return func(o *callOptions) { o.wait = true } }

// Call asks a peer's handler and waits for its answer. args may be anything that MessagePack can hold, or a
// Raw. The peer learns of ctx's deadline, and when ctx ends before the answer it is told to stop.
//
// The error is a *RemoteError if the peer answered so; ErrNotTrusted or ErrNotConnected if it was not asked;
// ErrLinkLost or the context's error if no answer came: Sent tells whether the request may have been carried
// out.
func (n *Node) Call(ctx context.Context, key identity.PublicKey, name string, args any, opts ...CallOption) (Raw, error) {
	link, err := n.link(ctx, key, opts)
	for err == nil {
		var result Raw
		if result, err = link.Call(ctx, name, "", args); !session.Unsent(err) {
			return result, err
		}
		link, err = n.relink(ctx, key, link, opts)
	}
	return Raw{}, fmt.Errorf("call %q: %w", name, err)
}

// Call is Node.Call with a result of type R. The error also tells of a result that is no R.
func Call[R any](ctx context.Context, n *Node, key identity.PublicKey, name string, args any, opts ...CallOption) (R, error) {
	var result R
	raw, err := n.Call(ctx, key, name, args, opts...)
	if err != nil {
		return result, err
	}
	if err := decode(raw, &result); err != nil {
		return result, &resultError{fmt.Errorf("call %q: the result is no %T: %w", name, result, err)}
	}
	return result, nil
}

// Send hands a peer's handler a message that nobody answers. nil says that it was queued, in order with other
// sends to the peer; not that it has arrived.
func (n *Node) Send(ctx context.Context, key identity.PublicKey, name string, args any, opts ...CallOption) error {
	link, err := n.link(ctx, key, opts)
	for err == nil {
		if err = link.Send(ctx, name, args); !session.Unsent(err) {
			return err
		}
		link, err = n.relink(ctx, key, link, opts)
	}
	return fmt.Errorf("send %q: %w", name, err)
}

// Ping returns the time that a message takes to the peer's node and back.
func (n *Node) Ping(ctx context.Context, key identity.PublicKey) (time.Duration, error) {
	link, err := n.link(ctx, key, nil)
	for err == nil {
		var rtt time.Duration
		if rtt, err = link.Ping(ctx); !session.Unsent(err) {
			return rtt, err
		}
		link, err = n.relink(ctx, key, link, nil)
	}
	return 0, fmt.Errorf("ping: %w", err)
}

// link returns the session to use, or why there is none.
func (n *Node) link(ctx context.Context, key identity.PublicKey, opts []CallOption) (*session.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if link := n.directory.Link(key); link != nil {
		return link, nil
	}
	return n.relink(ctx, key, nil, opts)
}

// relink returns another session than the one that is closing.
func (n *Node) relink(ctx context.Context, key identity.PublicKey, closing *session.Link, opts []CallOption) (*session.Link, error) {
	var o callOptions
	for _, f := range opts {
		f(&o)
	}
	switch {
	case key == n.self:
		return nil, ErrSelf
	case n.done():
		return nil, ErrClosed
	case !n.running():
		return nil, ErrNotStarted
	case !n.trust.Contains(key):
		return nil, ErrNotTrusted
	case closing == nil && !o.wait:
		return nil, ErrNotConnected
	}
	if o.wait {
		n.root.Wake(key)
	}
	link, err := n.directory.Await(ctx, key, closing)
	switch {
	case err != nil:
		return nil, fmt.Errorf("waiting for the peer to connect: %w", err)
	case link != nil:
		return link, nil
	case o.wait:
		return n.relink(ctx, key, nil, opts)
	}
	return nil, ErrNotConnected
}
