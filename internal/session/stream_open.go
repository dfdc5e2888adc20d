package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// MinWindow is the least first credit of a direction that takes values at all.
const MinWindow = 4 << 10

// A StreamCall is a stream that this node asks a peer for.
type StreamCall struct {
	Name, Trace string
	Args        any
	Window      int  // bytes of values that the peer may send ahead of the reader, and twice what one may have; 0: it may send none
	Outlives    bool // the stream outlives the context of OpenStream, which bounds only how long it takes to begin
}

// OpenStream asks the peer for a stream and waits until its handler has begun (wire.md §6.11). Unless the call says otherwise, the
// end of ctx ends the stream.
//
// The errors are those of Call, ErrNoStreams, ErrNotStream, and an envelope.ErrOverloaded of this node's own if the peer's streams
// have too much reserved. Unsent tells whether another session may serve.
func (l *Link) OpenStream(ctx context.Context, c StreamCall) (*Stream, error) {
	if l.Hello().Version < streamsSince {
		return nil, ErrNoStreams
	}
	o := envelope.Options{Trace: c.Trace, IsStream: true, Credit: int32(c.Window)}
	if deadline, ok := ctx.Deadline(); ok && !c.Outlives {
		o.HasTimeout, o.Timeout = true, max(0, deadline.Sub(l.config.Clock.Now()))
	}
	id := envelope.CallID(l.lastCall.Add(1))
	buf, err := l.encode(c.Name, c.Args, func(b []byte) ([]byte, error) { return l.codec.AppendCall(b, id, c.Name, o, c.Args) })
	if err != nil {
		return nil, err
	}
	s := l.newStream(envelope.StreamID{Call: id, Mine: true})
	if err := s.call(ctx, c, buf); err != nil {
		return nil, err
	}
	if err := s.awaitBegin(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// awaitBegin waits until the peer's handler has begun.
func (s *Stream) awaitBegin(ctx context.Context) error {
	select {
	case <-s.begun:
	case <-ctx.Done():
		s.Abandon(ctx.Err())
		<-s.begun
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, abandoned := errors.AsType[*AbandonedError](s.end.err)
	switch {
	case s.isBegun && !abandoned:
		return nil
	case s.end.err != nil:
		return s.end.err
	}
	return ErrNotStream
}

// streamsSince is the version of the protocol that has streams.
const streamsSince = 2

// call queues the call, which is in buf. After an error the stream has ended.
func (s *Stream) call(ctx context.Context, c StreamCall, buf *buffer) error {
	l := s.link
	s.begun = make(chan struct{})
	s.pending = &pending{id: s.id.Call, stream: s}
	if !c.Outlives {
		s.life = ctx
	}
	s.mu.Lock()
	err := s.reserve(c.Window)
	s.mu.Unlock()
	l.streams.enter(s)
	if err == nil {
		err = l.flight.enter(s.pending)
	}
	if err != nil {
		buf.release()
		s.replied(result{err: err})
		return err
	}
	if err := l.queue.pushCall(ctx, buf, &s.pending.position); err != nil {
		if l.flight.remove(s.pending) {
			s.replied(result{err: err})
		}
		return err
	}
	s.bind()
	return nil
}

// bind has the end of life end the stream.
func (s *Stream) bind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if life := s.life; !s.isOver && life != nil && life.Done() != nil {
		s.stop = context.AfterFunc(life, func() { s.Abandon(life.Err()) })
	}
}

// Abandon gives a stream of this node's up for err, unless it has ended: the peer is told to stop, and what waits to be sent or
// received is dropped.
func (s *Stream) Abandon(err error) {
	if s.link.flight.remove(s.pending) {
		s.flow.drop() // nothing follows the cancel
		sent := s.link.cancel(s.pending)
		s.finish(result{err: &AbandonedError{Err: err, Sent: sent}})
	}
	s.Discard()
}

// Leave gives a stream of this node's up as Abandon does, but what was sent still reaches the peer, and behind it the end of this
// direction, unless a Send is under way. It does not block.
func (s *Stream) Leave() {
	select {
	case s.turn <- struct{}{}:
		s.endSending()
		<-s.turn
	default: // nothing may follow the end: the peer hears of the cancel alone
	}
	if s.link.flight.remove(s.pending) {
		s.finish(result{err: &AbandonedError{Err: context.Canceled, Sent: true}})
		buf := newEnvelope(nil)
		buf.b = envelope.AppendCancel(buf.b, s.id.Call)
		s.flow.force(buf)
	}
	s.Discard()
}

// Discard drops what has arrived and was not received, if the stream has ended.
func (s *Stream) Discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOver {
		s.discard()
	}
}

// errStreamBytes says that there is no room for the credit of one more stream.
func errStreamBytes(limit int) error {
	return fmt.Errorf("%w: the streams with this peer would exceed their limit of %d bytes: close some, or raise Limits.StreamBytesPerPeer", envelope.ErrOverloaded, limit)
}
