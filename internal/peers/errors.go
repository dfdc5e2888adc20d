package peers

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Errors that a Connect is answered with.
var (
	// ErrNotTrusted says that the key is not in the trust set.
	ErrNotTrusted = errors.New("the key is not trusted here")

	// ErrNoAddress says that no address of the peer is known.
	ErrNoAddress = errors.New("no address of the peer is known")

	// ErrUnreachable says that the peer does not answer at any of its addresses. The error is a *DialError.
	ErrUnreachable = errors.New("the peer cannot be reached")

	// ErrRefused says that the peer does not trust this node's key. The error is a *RefusedError.
	ErrRefused = errors.New("the peer refuses this node")

	// ErrBusy says that the peer has proved its key and does not want this node for now. The error is a
	// *RefusedError.
	ErrBusy = errors.New("the peer is not ready for this node")

	// ErrFull says that this node has as many peers or sessions as it may have. The error is a *LimitError.
	ErrFull = errors.New("the node is at its limit")

	// ErrStopping says that the node is shut down, or about to be.
	ErrStopping = errors.New("the node is shut down")
)

// A DialError says why the last address that was tried did not work, or why a host name gave none. It is an ErrUnreachable,
// unless what answered there is not the peer: then errors.Is finds handshake.ErrWrongKey.
type DialError struct {
	Addr netip.AddrPort
	Name string // "host:port" that gave no address; empty: Addr was tried
	Err  error
}

// Error leaves out what the cause says a second time: the address, or the host.
func (e *DialError) Error() string {
	cause := e.Err
	if e.Name != "" {
		if d, ok := cause.(*net.DNSError); ok {
			return fmt.Sprintf("look up %s: %s", e.Name, d.Err)
		}
		return fmt.Sprintf("look up %s: %v", e.Name, cause)
	}
	if o, ok := cause.(*net.OpError); ok && o.Op == "dial" && o.Addr != nil && o.Addr.String() == e.Addr.String() {
		cause = o.Err
	}
	return fmt.Sprintf("dial %v: %v", e.Addr, cause)
}

func (e *DialError) Unwrap() error { return e.Err }

// Is makes a DialError an ErrUnreachable.
func (e *DialError) Is(target error) bool {
	return target == ErrUnreachable && !errors.Is(e.Err, handshake.ErrWrongKey)
}

// A RefusedError is what a peer answered that has proved its key and does not want this node.
type RefusedError struct {
	Addr       netip.AddrPort
	Reason     envelope.Reason
	Text       string // untrusted
	RetryAfter time.Duration
}

func (e *RefusedError) Error() string {
	if e.Reason == envelope.ReasonRefused || e.Reason == envelope.ReasonRevoked {
		return fmt.Sprintf("the peer at %v does not trust this node's key: ask its owner to add this key", e.Addr)
	}
	text := fmt.Sprintf("the peer at %v refuses this node for now (%s", e.Addr, e.Reason)
	if e.Text != "" {
		text += fmt.Sprintf(", %.256q", e.Text)
	}
	text += ")"
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(": try again in %v", e.RetryAfter)
	}
	return text
}

// Is makes a RefusedError an ErrRefused or an ErrBusy.
func (e *RefusedError) Is(target error) bool {
	if e.Reason == envelope.ReasonRefused || e.Reason == envelope.ReasonRevoked {
		return target == ErrRefused
	}
	return target == ErrBusy
}

// nearness says how near to the peer a dial came that failed for this reason. The nearest one tells most.
func nearness(err error) int {
	switch {
	case errors.Is(err, ErrRefused), errors.Is(err, ErrBusy):
		return 4 // the peer itself has answered
	case errors.Is(err, handshake.ErrWrongKey), errors.Is(err, handshake.ErrSelf):
		return 3 // another node has answered
	case errors.Is(err, session.ErrUnanswered), errors.Is(err, handshake.ErrMessage2):
		return 2 // a program is there
	case errors.Is(err, ErrUnreachable):
		return 1
	}
	return 0
}

// dialError is what a Connect is told of a session at addr that did not come up.
func dialError(addr netip.AddrPort, m session.Ended) error {
	if m.ByPeer {
		return &RefusedError{Addr: addr, Reason: m.Reason, Text: m.Text, RetryAfter: m.RetryAfter}
	}
	err := m.Err
	if err == nil {
		err = fmt.Errorf("the connection ended before the peer accepted (%s)", m.Reason)
	}
	return &DialError{Addr: addr, Err: err}
}
