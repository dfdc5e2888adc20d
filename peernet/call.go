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

	window  int      // of a stream
	opening *opening // likewise; nil: this is no stream

	guestCall *guestCall // nil: this is not a call as a guest
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
// Raw. The peer learns of ctx's deadline and trace. When ctx ends before the answer, the peer is told to stop.
//
// The error is a *RemoteError if the peer answered so; ErrNotTrusted or ErrNotConnected if it was not asked;
// ErrLinkLost or the context's error if no answer came: Sent tells whether the request may have been carried
// out.
func (n *Node) Call(ctx context.Context, key identity.PublicKey, name string, args any, opts ...CallOption) (Raw, error) {
	return n.invoke(ctx, Outgoing{Peer: key, Name: name, Args: args, options: optionsOf(opts)})
}

// Call is Node.Call with a result of type R. A result that does not decode into an R is an error, too.
func Call[R any](ctx context.Context, n *Node, key identity.PublicKey, name string, args any, opts ...CallOption) (R, error) {
	raw, err := n.Call(ctx, key, name, args, opts...)
	if err != nil {
		var zero R
		return zero, err
	}
	return decodeResult[R](raw, name)
}

// decodeResult returns the result of a call of name as an R.
func decodeResult[R any](raw Raw, name string) (R, error) {
	result, err := decode[R](raw)
	if err != nil {
		return result, &callError{"call", name, &resultError{fmt.Errorf("the result does not decode into a %T: %w", result, err)}}
	}
	return result, nil
}

// Send hands a peer's handler a message that has no answer. nil says that it was queued, in order with other
// sends to the peer; not that it has arrived.
//
// Send can block: at Limits.QueueBytes it waits for room. A peer that does not read, such as one whose machine is frozen, gives
// none until its session ends, which takes half a minute or so. Give ctx a time limit where that is too long.
func (n *Node) Send(ctx context.Context, key identity.PublicKey, name string, args any, opts ...CallOption) error {
	_, err := n.invoke(ctx, Outgoing{Peer: key, Name: name, Args: args, IsSend: true, options: optionsOf(opts)})
	return err
}

// request makes a call, send or stream. It is the Invoker inside all middleware.
func (n *Node) request(ctx context.Context, o *Outgoing) (result Raw, err error) {
	switch {
	case o.options.opening != nil:
		return n.stream(ctx, o)
	case o.options.guestCall != nil:
		return n.callAsGuest(ctx, o)
	}
	err = n.useLink(ctx, o.Peer, o.options.wait, func(l *session.Link) (again bool, err error) {
		if o.IsSend {
			err = l.Send(ctx, o.Name, o.Args)
		} else {
			result, err = l.Call(ctx, o.Name, TraceOf(ctx), o.Args)
		}
		return session.Unsent(err), err
	})
	switch {
	case err == nil:
		return result, nil
	case o.IsSend:
		return Raw{}, &callError{"send", o.Name, err}
	}
	return Raw{}, &callError{"call", o.Name, err}
}

// Ping returns the time that a message takes to the peer's node and back. If the session ends before the answer comes and
// another one replaces it, that one is asked: a ping may be made twice.
func (n *Node) Ping(ctx context.Context, key identity.PublicKey) (rtt time.Duration, err error) {
	var lost error
	err = n.useLink(ctx, key, false, func(l *session.Link) (again bool, err error) {
		if rtt, err = l.Ping(ctx); errors.Is(err, ErrLinkLost) {
			lost = err
			return true, err
		}
		return session.Unsent(err), err
	})
	if lost != nil && err == ErrNotConnected {
		err = lost // which says more
	}
	if err != nil {
		return 0, &callError{"ping", "", err}
	}
	return rtt, nil
}

// useLink runs f with the session that is in use, and with the next one whenever f returns again. It waits for a session if
// wait says so, or if there was one. The error is that of f, or says why there is no session.
func (n *Node) useLink(ctx context.Context, key identity.PublicKey, wait bool, f func(*session.Link) (again bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	link := n.directory.Link(key)
	for {
		if link != nil {
			if again, err := f(link); !again {
				return err
			}
		}
		if err := n.checkPeer(key); err != nil {
			return err
		}
		if link == nil && !wait {
			return ErrNotConnected
		}
		if wait {
			n.root.Wake(key)
		}
		var err error
		if link, err = n.directory.Await(ctx, key, link); err != nil {
			return fmt.Errorf("waiting for the peer to connect: %w", err)
		}
	}
}

// checkPeer returns why no peer of that key can be reached, whatever its state.
func (n *Node) checkPeer(key identity.PublicKey) error {
	switch state := n.state.Load(); {
	case key == n.self:
		return ErrSelf
	case state == stateStopping:
		return ErrClosed
	case state == stateNew:
		return ErrNotStarted
	case !n.trust.Contains(key):
		return errPairFirst
	case n.isBlocked(key):
		return ErrBlocked
	}
	return nil
}
