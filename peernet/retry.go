package peernet

import (
	"errors"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Sent reports whether the request of a call that failed with err may have reached the peer, and so may have been
// carried out. It is false for arguments that cannot be encoded or are too large, a context that had ended before, and a peer
// that is not connected. It is true for every answer of the peer, even if its code says that no handler ran. For an error that
// wraps several it is true if it is true for one of them.
//
// Other errors may say so themselves, by a method RequestSent() bool.
func Sent(err error) bool { return wasSent(err, func(*RemoteError) bool { return true }) }

// wasSent is Sent, but answered decides about the answer of a peer.
func wasSent(err error, answered func(*RemoteError) bool) bool {
	switch e := err.(type) {
	case *RemoteError:
		return answered(e)
	case interface{ RequestSent() bool }:
		return e.RequestSent()
	case interface{ Unwrap() error }:
		return wasSent(e.Unwrap(), answered)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return wasSent(err, answered) })
	}
	return false
}

// Retryable reports whether it makes sense to try again after err: nothing was carried out, and the obstacle may go away by
// itself. RetryAfter says when.
//
// It is false if the request may have been carried out, as Sent tells, unless the peer answered `overloaded`: then no handler
// ran. A caller for whom doing it twice does no harm may still try again. It is also false if the caller's own context
// ended the call.
func Retryable(err error) bool {
	_, ok := RetryAfter(err)
	return ok
}

// retryLater is the wait if the peer advises none.
const retryLater = time.Second

// RetryAfter returns how long to wait before trying again. 0 is at once, with WaitForReady if a session ended. Otherwise it
// is the wait that the peer advised, at most 10 minutes, or a second: many callers should add some time at random. ok is
// false if Retryable is.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	if carriedOut(err) || isOf(err, lasting) {
		return 0, false
	}
	if isOf(err, passing) {
		if e, ok := errors.AsType[*peers.RefusedError](err); ok && e.RetryAfter > 0 {
			return e.RetryAfter, true
		}
		if wait := advisedWait(err); wait > 0 {
			return wait, true
		}
		return retryLater, true
	}
	e, ok := errors.AsType[*session.LinkError](err)
	if !ok {
		return 0, false
	}
	return retryLink(e.Reason)
}

// lasting errors are not changed by trying again, whatever else went wrong.
var lasting = []error{ErrNotTrusted, ErrSelf, ErrWrongKey, ErrRefused, ErrNotStarted, ErrClosed, ErrTooLarge}

// passing errors may be gone later.
var passing = []error{ErrOverloaded, ErrNotConnected, ErrNoAddress, ErrUnreachable, ErrBusy, ErrFull}

func isOf(err error, of []error) bool {
	return slices.ContainsFunc(of, func(target error) bool { return errors.Is(err, target) })
}

// carriedOut reports whether the request may have been carried out: it was sent, and the answer, if any, does not rule it
// out.
func carriedOut(err error) bool {
	return wasSent(err, func(e *RemoteError) bool { return e.Code != CodeOverloaded })
}

// retryLink is RetryAfter for a request that a session did not send because it ended.
func retryLink(reason envelope.Reason) (wait time.Duration, ok bool) {
	switch reason {
	case session.ReasonLost, envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonIdle:
		return 0, true
	case envelope.ReasonRefused, envelope.ReasonRevoked, envelope.ReasonConflict:
		return 0, false
	}
	return retryLater, true
}

// A resultError says that the caller cannot decode the answer.
type resultError struct{ err error }

func (e *resultError) Error() string { return e.err.Error() }
func (e *resultError) Unwrap() error { return e.err }

// RequestSent tells Sent that there was an answer.
func (e *resultError) RequestSent() bool { return true }
