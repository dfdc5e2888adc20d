package session

import (
	"errors"
	"fmt"
	"net"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
)

// Errors of calls and sends that have no answer from the peer.
var (
	// ErrLinkLost says that the session ended before the answer came; see LinkError.
	ErrLinkLost = errors.New("the link to the peer was lost")

	// ErrMode says that an initiator in private mode has dialled a node which is not, or the reverse.
	ErrMode = errors.New("private mode is on at one end only")

	// ErrBlocked ends a handshake in which the initiator has proved a key that is blocked.
	ErrBlocked = errors.New("the key is blocked")

	// ErrUnanswered says that the responder ended the connection in place of message 2.
	ErrUnanswered = errors.New("the peer ended the connection without an answer")

	// errStalled takes the place of a timeout of the connection: the loss of a link is no timeout of what goes over it.
	errStalled = errors.New("the peer has stopped reading")

	errDraining = errors.New("the session is closing") // nothing was queued; another session may serve
)

// Reasons why a session ended that are not codes of a bye, and so never on the wire.
const (
	ReasonLost      envelope.Reason = "lost"      // the connection broke, or was closed without a bye
	ReasonHandshake envelope.Reason = "handshake" // the handshake failed
)

// A LinkError says why a session ended under a call. It is an ErrLinkLost and a net.ErrClosed.
type LinkError struct {
	Reason envelope.Reason
	Text   string // what the peer said, if it did: untrusted
	ByPeer bool   // the peer ended the session
	Sent   bool   // the request may have reached the peer
	Err    error  // what broke, if something did

	kept bool // the request was not made, as a call by the same name has ended a session lately; another session does not serve
}

// RequestSent tells peernet.Sent whether the request may have reached the peer.
func (e *LinkError) RequestSent() bool { return e.Sent }

func (e *LinkError) Error() string {
	who := "this node"
	if e.ByPeer {
		who = "the peer"
	}
	sent := "the request was not sent"
	if e.Sent {
		sent = "the request may have been carried out"
	}
	switch {
	case e.kept:
		return fmt.Sprintf("the last calls by this name ended their sessions (%v): calls and sends by it fail at once for %v: check the name", e.Err, dialects.SuspectedFor)
	case e.Reason == ReasonLost && e.Err != nil:
		return fmt.Sprintf("the link was lost (%v): %s", e.Err, sent)
	case e.Reason == ReasonLost:
		return "the link was lost: " + sent
	case e.Text != "":
		return fmt.Sprintf("%s closed the link (%s, %.256q): %s", who, e.Reason, e.Text, sent)
	}
	return fmt.Sprintf("%s closed the link (%s): %s", who, e.Reason, sent)
}

func (e *LinkError) Unwrap() error { return e.Err }

// Is makes a LinkError an ErrLinkLost and a net.ErrClosed.
func (e *LinkError) Is(target error) bool { return target == ErrLinkLost || target == net.ErrClosed }

// An AbandonedError says that a call was ended by its own context.
type AbandonedError struct {
	Err   error  // context.Canceled or context.DeadlineExceeded
	Sent  bool   // the request may have reached the peer
	Full  int    // the room's limit in bytes, if the call ended while waiting for room; else 0
	Limit string // what that limit is, for people
}

// RequestSent tells peernet.Sent whether the request may have reached the peer.
func (e *AbandonedError) RequestSent() bool { return e.Sent }

func (e *AbandonedError) Error() string {
	if e.Sent {
		return e.Err.Error() + ": no answer in time, the request may have been carried out"
	}
	if e.Full > 0 {
		return fmt.Sprintf("%v: the request was not sent: the send queue is full (%s, %d bytes): send less or raise the timeout", e.Err, e.Limit, e.Full)
	}
	return e.Err.Error() + ": the request was not sent"
}

func (e *AbandonedError) Unwrap() error { return e.Err }

// Unsent says whether nothing was sent because the session is closing or has ended: another one may serve.
func Unsent(err error) bool {
	if errors.Is(err, errDraining) {
		return true
	}
	e, ok := errors.AsType[*LinkError](err)
	return ok && !e.Sent && !e.kept
}

// A SizeError says that a message is larger than the peer accepts, and was not sent. It is an envelope.ErrTooLarge.
type SizeError struct{ Size, Limit int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("a message of %d bytes is larger than the %d the peer accepts: split it, or send it as a stream", e.Size, e.Limit)
}

// Is makes a SizeError an envelope.ErrTooLarge.
func (e *SizeError) Is(target error) bool { return target == envelope.ErrTooLarge }
