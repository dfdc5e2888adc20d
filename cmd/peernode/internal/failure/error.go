package failure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// Errors of commands.
var (
	// ErrBadJSON: the argument of a call is not JSON, or does not fit into an envelope.
	ErrBadJSON = errors.New("the argument cannot be sent")
	// ErrNotAll: some peers have not answered. Each of them was reported before.
	ErrNotAll = errors.New("not all peers have answered")
	// ErrNotInTime: the peer was not connected before the time was up.
	ErrNotInTime = errors.New("not connected in time")
	// ErrNotListening: the node has no such listener.
	ErrNotListening = errors.New("the node does not listen")
	// ErrNoKnock: no knock has this number.
	ErrNoKnock = errors.New("there is no knock")
	// ErrInterfacesFull: too many interfaces are chosen by name.
	ErrInterfacesFull = errors.New("as many network interfaces are chosen as may be")
	// ErrNoDiscovery: the node was started without a provider.
	ErrNoDiscovery = errors.New("the node does not look for peers")
)

// An advised is an error with advice that fits it better than the advice in meanings.
type advised struct {
	err    error
	advice string
	usage  bool // the command line is wrong
}

func (e *advised) Error() string { return e.err.Error() }
func (e *advised) Unwrap() error { return e.err }

// WithAdvice returns err with advice that takes the place of the usual one.
func WithAdvice(err error, advice string) error { return &advised{err: err, advice: advice} }

// Usage returns the error of a command line that cannot work. The advice says what form is expected.
func Usage(text, advice string) error { return UsageOf(errors.New(text), advice) }

// UsageOf is Usage with err as the cause.
func UsageOf(err error, advice string) error { return &advised{err, advice, true} }

// IsUsage says whether err is that of a command line that cannot work.
func IsUsage(err error) bool {
	e, ok := errors.AsType[*advised](err)
	return ok && e.usage
}

// A streamError is an error of a stream that somebody at a shell carries bytes through, in words for that person.
type streamError struct{ err error }

func (e *streamError) Error() string {
	words := strings.Replace(e.err.Error(), peernet.ErrStreamOver.Error(), "the other end has ended the stream", 1)
	r, ok := errors.AsType[*peernet.RemoteError](e.err)
	switch {
	case ok && r.Code == envelope.CodeFailed:
		words = strings.Replace(words, r.Error(), "the other end says: "+text.OneLine(fmt.Sprintf("%.1024s", r.Text)), 1)
	case ok && r.Code == envelope.CodeNoHandler:
		words = strings.Replace(words, r.Error(), "the peer serves no such name (no_handler)", 1)
	}
	return strings.Replace(words, ": the request may have been carried out", "", 1)
}

func (e *streamError) Unwrap() error { return e.err }

// OfStream returns an error of a stream in words, and with advice, for the person who carries bytes through it. What meanings say is
// for callers.
func OfStream(err error) error { return &streamError{err} }

// A peerError is an error that concerns one peer.
type peerError struct {
	self string // this node's own key
	peer string // the peer, as the user named it
	err  error
}

func (e *peerError) Error() string { return text.OneLine(e.peer) + ": " + e.err.Error() }
func (e *peerError) Unwrap() error { return e.err }

// About returns err as one that concerns the peer that the user named so. self is this node's own key. The advice names
// both.
func About(self, peer string, err error) error { return &peerError{self, peer, err} }
