package failure

import (
	"errors"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// Errors of commands.
var (
	// ErrBadJSON: the argument of a call is not JSON, or nothing that can be sent.
	ErrBadJSON = errors.New("the argument cannot be sent")
	// ErrNotAll: some peers have not answered; each was told of.
	ErrNotAll = errors.New("not all peers have answered")
	// ErrNotInTime: the peer was not connected before the time was up.
	ErrNotInTime = errors.New("not connected in time")
)

// An advised is an error with a hint of its own, which is better than the one in meanings.
type advised struct {
	err   error
	hint  string
	usage bool // the command line is wrong
}

func (e *advised) Error() string { return e.err.Error() }
func (e *advised) Unwrap() error { return e.err }

// WithHint returns err with a hint that fits it better than the usual one.
func WithHint(err error, hint string) error { return &advised{err: err, hint: hint} }

// Usage returns the error of a command line that cannot work. The hint says what form is expected.
func Usage(text, hint string) error { return UsageOf(errors.New(text), hint) }

// UsageOf is Usage with err as the cause.
func UsageOf(err error, hint string) error { return &advised{err, hint, true} }

// IsUsage says whether err is that of a command line that cannot work.
func IsUsage(err error) bool {
	e, ok := errors.AsType[*advised](err)
	return ok && e.usage
}

// A peerError is an error that concerns one peer.
type peerError struct {
	self string // this node's own key
	peer string // the peer, as the user named it
	err  error
}

func (e *peerError) Error() string { return text.OneLine(e.peer) + ": " + e.err.Error() }
func (e *peerError) Unwrap() error { return e.err }

// About returns err as one that concerns a peer, as the user named it. self is this node's own key. Hints name both.
func About(self, peer string, err error) error { return &peerError{self, peer, err} }
