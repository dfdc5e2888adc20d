package peernet

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// An Out is the direction of a stream in which this end sends values of type S (wire.md §6.11). It is safe for concurrent use; the
// values of one goroutine keep their order.
type Out[S any] struct{ end *streamEnd }

// Send sends a value, which may be anything that MessagePack can hold, or a Raw. It waits while the peer's reader is behind by as much
// as it takes, and while the queue is full, until ctx ends. nil says that the value was queued, in order; not that it has arrived.
// After an error it was not sent.
//
// A value has at most half of the bytes of the receiver's Window or HandleWindow, encoded: 128 KiB by default. A larger one is an
// ErrTooLarge, and the stream goes on. A stream that is over fails with the error that it ended with, or ErrStreamOver.
func (o *Out[S]) Send(ctx context.Context, value S) error {
	return o.end.explain(o.end.s.Send(ctx, any(value)))
}

// CloseSend ends this direction: the peer receives io.EOF behind what was sent, and can go on sending itself. It waits, under ctx, for
// a Send that is under way. A handler that returns, and a stream that is over, need no CloseSend.
func (o *Out[S]) CloseSend(ctx context.Context) error { return o.end.explain(o.end.s.CloseSend(ctx)) }

// An In is the direction of a stream in which this end receives values of type R. It is safe for concurrent use.
type In[R any] struct{ end *streamEnd }

// Recv returns the next value of the peer, and waits for it until ctx ends: give ctx a time limit to wait no longer. The stream goes
// on then. What was sent before the peer ended its direction, or the stream, is received first.
//
// The error is io.EOF if nothing follows because the peer has closed its direction, or the handler has returned nil. It is the error of
// the call if that failed, and of decoding if a value is no R: the next Recv returns the next value then.
func (i *In[R]) Recv(ctx context.Context) (R, error) {
	b, err := i.end.s.Recv(ctx)
	if err != nil {
		var none R
		return none, i.end.explain(err)
	}
	value, err := decode[R](envelope.NewRaw(envelope.Msgpack, b))
	if err != nil {
		return value, i.end.explain(&valueError{fmt.Sprintf("a value does not decode into a %T", value), err})
	}
	return value, nil
}

// All returns the values as they come, until the peer has ended its direction. A loop ends with the first error. It does not end the
// stream when it breaks off.
func (i *In[R]) All(ctx context.Context) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for {
			value, err := i.Recv(ctx)
			if err == io.EOF || !yield(value, err) || err != nil {
				return
			}
		}
	}
}

// A Stream is a call of this node that sends values of type S and receives values of type R while it runs: see OpenStream. It is safe
// for concurrent use.
type Stream[S, R any] struct {
	Out[S]
	In[R]
	end *streamEnd
}

// Peer returns the peer whose handler is at the other end.
func (s *Stream[S, R]) Peer() identity.PublicKey { return s.end.peer }

// Wait waits until the stream is over, or ctx ends. It returns nil if the peer's handler has returned nil, or else the error of the
// call. Values that have arrived can still be received.
func (s *Stream[S, R]) Wait(ctx context.Context) error { return s.end.explain(s.end.s.Wait(ctx)) }

// Close ends the stream if it is not over, and the peer's handler is told to stop: its context ends. What was not received is dropped.
// Every stream that is not received to its end needs a Close, or the end of its context. It does not block.
func (s *Stream[S, R]) Close() { s.end.s.Abandon(context.Canceled) }

// A streamEnd is this node's end of a stream.
type streamEnd struct {
	s    *session.Stream
	peer identity.PublicKey
	name string // of the handler, at the caller; empty in a handler
}

// explain returns an error as the application gets it.
func (e *streamEnd) explain(err error) error {
	switch {
	case err == nil || err == io.EOF || e.name == "":
		return err
	}
	return &callError{"stream", e.name, err}
}

// A valueError says that a value of a stream is not of the type that its receiver expects. A handler that returns it answers `bad_args`.
type valueError struct {
	what string
	err  error
}

func (e *valueError) Error() string { return e.what + ": " + e.err.Error() }

func (e *valueError) Unwrap() []error { return []error{ErrBadArgs, e.err} }

// RequestSent tells Sent that the stream had begun.
func (e *valueError) RequestSent() bool { return true }
