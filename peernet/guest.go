package peernet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/guests"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// CallAsGuest asks a handler for guests (see Guests) of the node at addr, "host:port", and waits for its answer: it dials, comes as a
// guest, calls, and closes. Neither end need trust the other. It returns the key that has answered, which is proved; if key is not
// zero, no other key may answer. It is safe for concurrent use.
//
// args are as those of Call, of at most 64 KiB with the name, and so is the result. A host is an IP address or a name, which is
// looked up. The node shows its own key to any node that answers at addr, unless key names the one that must.
//
// Each call is a connection and a handshake of its own, which Timing.Dial and Timing.Handshake bound, so a program that calls often
// pairs instead. Of several calls at once each has a connection too, and a node there lets in few guests of one address, 8 by default:
// calls beyond that are ErrBusy, and RetryAfter says when to try again, in half a minute unless the node says otherwise. So make
// them one after the other, or a few at a time. The options WaitForReady, AtOnce and Window are for peers, and refused.
//
// The errors are those of Call but ErrNotConnected, and besides: ErrUnreachable, ErrUnanswered, ErrWrongKey and ErrSelf of the dial;
// ErrNoGuests if the node there has no handler for guests, or drops this key; ErrBusy; ErrBlocked, an ErrNotTrusted, if this node has
// blocked the key that answers; ErrFull at 1,024 such sessions, those that are ending included. Sent is false for all of these.
// docs/wire.md §4.7 and §9 have the bounds of guests.
func (n *Node) CallAsGuest(ctx context.Context, addr string, key identity.PublicKey, name string, args any, opts ...CallOption) (result Raw, answered identity.PublicKey, err error) {
	o := Outgoing{Peer: key, Addr: addr, Name: name, Args: args, options: optionsOf(opts)}
	v := new(guestCall)
	o.options.guestCall = v
	result, err = n.invoke(ctx, o)
	if who := v.answered.Load(); who != nil {
		answered = *who
	}
	return result, answered, err
}

// CallAsGuest is Node.CallAsGuest with a result of type R. A result that does not decode into an R is an error, too.
func CallAsGuest[R any](ctx context.Context, n *Node, addr string, key identity.PublicKey, name string, args any, opts ...CallOption) (R, identity.PublicKey, error) {
	raw, answered, err := n.CallAsGuest(ctx, addr, key, name, args, opts...)
	if err != nil {
		var zero R
		return zero, answered, err
	}
	result, err := decodeResult[R](raw, name)
	return result, answered, err
}

// A guestCall is a call as a guest that is under way.
type guestCall struct {
	answered atomic.Pointer[identity.PublicKey] // the key that has proved itself last
}

// callAsGuest makes a call as a guest, inside all middleware.
func (n *Node) callAsGuest(ctx context.Context, o *Outgoing) (Raw, error) {
	err := envelope.CheckName(o.Name)
	if err == nil && (o.options.wait || o.options.atOnce != 0 || o.options.window != 0) {
		err = errGuestOption
	}
	if err != nil {
		return Raw{}, &callError{"call", o.Name, err}
	}
	s, err := n.dialGuest(ctx, o.Addr, o.Peer)
	if err != nil {
		return Raw{}, &callError{"call", o.Name, err}
	}
	defer s.close()
	key := s.remote()
	o.options.guestCall.answered.Store(&key)
	return s.call(ctx, o.Name, o.Args)
}

// A guestSession is a session in which this node is the guest. It is safe for concurrent use. Its user closes it.
type guestSession struct {
	link *session.Link
	conn net.Conn // the session's
}

// dialGuest makes a session as a guest with the node at addr. If key is not zero, no other key may answer. ctx bounds only the
// dial.
func (n *Node) dialGuest(ctx context.Context, addr string, key identity.PublicKey) (*guestSession, error) {
	switch state := n.state.Load(); {
	case key == n.self:
		return nil, ErrSelf
	case n.isBlocked(key):
		return nil, ErrBlocked
	case state == stateStopping:
		return nil, ErrClosed
	case state == stateNew:
		return nil, ErrNotStarted
	}
	conn, at, err := n.dialFirst(ctx, addr)
	if err != nil {
		return nil, err
	}
	done := make(chan guests.Begun, 1)
	n.root.BeginGuest(guests.Begin{Conn: conn, Expect: key, Done: done})
	select {
	case b := <-done:
		if b.Link == nil {
			return nil, guestError(at, b.End)
		}
		s := &guestSession{b.Link, conn}
		if n.isBlocked(s.remote()) {
			s.close()
			return nil, ErrBlocked
		}
		return s, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-n.root.Done():
		err = ErrClosed
	}
	_ = conn.Close() // which ends the session, if there is one
	return nil, err
}

// guestError returns why a session as a guest at addr did not come up.
func guestError(addr netip.AddrPort, end session.Ended) error {
	switch {
	case errors.Is(end.Err, handshake.ErrSelf):
		return fmt.Errorf("%w: it answers at %v", ErrSelf, addr)
	case end.ByPeer:
		return &peers.RefusedError{Addr: addr, Reason: end.Reason, Text: end.Text, RetryAfter: end.RetryAfter}
	case end.Reason == envelope.ReasonShutdown:
		return ErrClosed
	case end.Reason == envelope.ReasonRevoked:
		return ErrBlocked
	case end.Reason == envelope.ReasonBusy:
		return fmt.Errorf("%w: it is the guest in %d sessions: wait until one has ended", ErrFull, guests.MaxHosts)
	case end.Reason == session.ReasonLost:
		return fmt.Errorf("%v: %w", addr, ErrNoGuests)
	case end.Err != nil:
		return &peers.DialError{Addr: addr, Err: end.Err}
	}
	return &peers.DialError{Addr: addr, Err: fmt.Errorf("the connection ended before the node let this one in (%s)", end.Reason)}
}

// call is Node.Call over the session. The name may be one of the protocol's own.
func (s *guestSession) call(ctx context.Context, name string, args any) (Raw, error) {
	raw, err := s.link.Call(ctx, name, TraceOf(ctx), args)
	if err != nil {
		return Raw{}, &callError{"call", name, err}
	}
	return raw, nil
}

// remote returns the key that answers.
func (s *guestSession) remote() identity.PublicKey { return s.link.Remote() }

// hash returns the handshake hash of the session: equal at both ends, and unique to it.
func (s *guestSession) hash() [32]byte { return s.link.GuestHash() }

// close ends the session once the calls in flight are answered. It does not wait for that.
func (s *guestSession) close() { s.link.Close(session.Close{Reason: envelope.ReasonIdle}) }

// abort ends the session at once, without a bye, and closes its connection.
func (s *guestSession) abort() { _ = s.conn.Close() }
