package session

import (
	"context"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// ServeStream returns the stream of a call of the peer that asks for one: a *Stream. The peer may send nothing until Begin.
func (l *Link) ServeStream(id envelope.CallID, credit int) interface {
	Reply(value any, refusal *envelope.RemoteError)
} {
	s := l.newStream(envelope.StreamID{Call: id})
	s.out.credit, s.out.most = credit, credit/2
	l.streams.enter(s)
	return s
}

// Begin tells the peer that the handler has begun, and how much it may send ahead of it: window bytes of values, at least
// MinWindow, or 0. It is called once. This credit leaves before what the handler sends and its reply, which tell the peer nothing
// without it. The error is an envelope.ErrOverloaded: the streams of the peer have too much reserved.
func (s *Stream) Begin(window int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOver {
		return s.out.err
	}
	if err := s.reserve(window); err != nil {
		return err
	}
	buf := newEnvelope(nil)
	buf.b = envelope.AppendCredit(buf.b, s.id, window)
	s.flow.force(buf)
	return nil
}

// Interrupt ends both directions of a stream of the peer for err, because its context has ended: nothing can be sent any more. What
// has arrived can still be received. The call is not answered by it.
func (s *Stream) Interrupt(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endIn(err)
	s.endOut(err)
}

// Reply answers the call, as Link.Reply does, behind all that was sent. It ends the stream: what has arrived and was not received
// is dropped, and nothing is sent any more. It waits until the reply has been written, or the session has ended: until then the stream
// holds what it has reserved.
func (s *Stream) Reply(value any, refusal *envelope.RemoteError) {
	var end result
	if refusal != nil {
		end.err = refusal
	}
	s.close(end, ErrStreamOver, ErrStreamOver)
	s.Discard()
	s.turn <- struct{}{} // behind a Send that is being queued
	s.link.reply(s.id.Call, value, refusal, func(buf *buffer) { _ = s.flow.push(context.Background(), buf) })
	<-s.turn
	s.flow.awaitWritten()
	s.takeRoom()()
	s.link.streams.leave(s)
}
