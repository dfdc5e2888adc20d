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
// carried out. It is false of what failed before: arguments that cannot be encoded or are too large, a context that had
// ended, a peer that is not connected. It is true of every answer of the peer, also of one that tells that no handler ran:
// the code says that. Of an error that wraps several it is true if it is of one.
//
// An error of another kind may say so itself, by a method RequestSent() bool.
func Sent(err error) bool {
	switch e := err.(type) {
	case *session.LinkError:
		return e.Sent
	case *session.AbandonedError:
		return e.Sent
	case *RemoteError, *resultError:
		return true
	case interface{ RequestSent() bool }:
		return e.RequestSent()
	}
	return wraps(err, Sent)
}

// wraps reports whether is holds for what err wraps, if it wraps anything.
func wraps(err error, is func(error) bool) bool {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return is(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), is)
	}
	return false
}

// Retryable reports whether trying again what failed with err makes sense: nothing of it was carried out, and what was in
// the way may go by itself. RetryAfter says when.
//
// It is false if the request may have been carried out, as Sent tells, unless the peer answered `overloaded`: then no handler
// ran. Who knows that doing it twice does no harm may try again all the same. It is false, too, if the caller's own context
// ended it.
func Retryable(err error) bool {
	_, ok := RetryAfter(err)
	return ok
}

// retryLater is what RetryAfter advises if nobody else does.
const retryLater = time.Second

// RetryAfter returns how long to wait before trying again: 0 is at once, with WaitForReady if a session ended; longer is what
// the peer advised, at most 10 minutes, or a second, to which many who try again should add some at random. It is false if
// Retryable is.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	if carriedOut(err) || isOf(err, lasting) {
		return 0, false
	}
	if isOf(err, passing) {
		if e, ok := errors.AsType[*peers.RefusedError](err); ok && e.RetryAfter > 0 {
			return e.RetryAfter, true
		}
		if wait, ok := advised(err); ok {
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

// lasting is what trying again does not change, whatever else went wrong.
var lasting = []error{ErrNotTrusted, ErrSelf, ErrWrongKey, ErrRefused, ErrNotStarted, ErrClosed, ErrTooLarge}

// passing is what may be otherwise later.
var passing = []error{ErrOverloaded, ErrNotConnected, ErrNoAddress, ErrUnreachable, ErrBusy, ErrFull}

func isOf(err error, of []error) bool {
	return slices.ContainsFunc(of, func(target error) bool { return errors.Is(err, target) })
}

// carriedOut reports whether the request may have been carried out: sent, and not answered with the code that says that it
// was not.
func carriedOut(err error) bool {
	switch e := err.(type) {
	case *RemoteError:
		return e.Code != CodeOverloaded
	case *session.LinkError, *session.AbandonedError, *resultError, interface{ RequestSent() bool }:
		return Sent(err)
	}
	return wraps(err, carriedOut)
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

// A resultError is an answer that the caller cannot take.
type resultError struct{ err error }

func (e *resultError) Error() string { return e.err.Error() }
func (e *resultError) Unwrap() error { return e.err }
