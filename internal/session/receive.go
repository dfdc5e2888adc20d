package session

import (
	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// handleBatch handles what one read brought, in order, and gives the batch back. It is for batches that the reader may not
// deliver itself: see reader.mayDeliver.
func (s *session) handleBatch(b *batch) {
	s.tellIfRotationDue()
	s.handleEnvelopes(b.envelopes)
	s.reader.giveBack(b)
	s.reader.atActor.Add(-1) // from here on the reader may deliver what comes
	s.closeIfDrained()
}

// handleEnvelopes handles envelopes until the session ends, and lets the handlers of their calls begin.
func (s *session) handleEnvelopes(envelopes []envelope.Envelope) {
	defer s.inbound.Begin()
	for i := range envelopes {
		if s.state != open && s.state != draining {
			return // the session has ended; drop the rest
		}
		if err := s.handleEnvelope(&envelopes[i]); err != nil {
			s.endForViolation(err)
		}
	}
}

// handleEnvelope handles one envelope. An error is a violation of the protocol.
func (s *session) handleEnvelope(e *envelope.Envelope) error {
	var err error
	switch {
	case e.Kind == envelope.KindSend && string(e.Name) == envelope.NameBye:
		return s.handleBye(e.Args)
	case isCommand(e):
		err = s.handleCommand(e)
	case s.peerBye && (e.Kind == envelope.KindCall || e.Kind == envelope.KindSend && !isOfStream(e)):
		return errAfterBye
	default:
		err = s.deliver(e)
	}
	if err == nil && !s.up && (e.Kind == envelope.KindPong || !s.dialect.upAtPong) {
		s.comeUp()
	}
	return err
}

// comeUp records that the peer has accepted. From now on the reader delivers what asks for no decision.
func (s *session) comeUp() {
	s.up = true
	s.stopUpDeadline()
	s.stopUpDeadline = nil // so that its timer can be freed
	s.config.Counters.Handshake(s.role, counters.CameUp)
	s.counters.Up(s.Link)
	if s.dialect.upAtPong {
		s.setReady()
		s.stopLiveness()
		s.stopLiveness = s.after(s.config.PingAfter, livenessDue{})
	}
	s.tell(Up{s.Link})
	s.direct.Store(s.state == open)
}

// isCommand says whether an envelope is one of the protocol's own sends, other than those of streams. Only the actor handles them.
func isCommand(e *envelope.Envelope) bool {
	return e.Kind == envelope.KindSend && envelope.Reserved(e.Name) && !isOfStream(e)
}

// deliver hands an envelope that is not a command to what it is for. An error is a violation of the protocol. The actor and the
// reader call it, never at the same time. If the session ends meanwhile, nothing comes of it: table, queue and Inbound are closed.
func (l *Link) deliver(e *envelope.Envelope) error {
	switch e.Kind {
	case envelope.KindCall:
		l.messages.Add(1)
		if e.Args == nil { // it came in parts that were not kept
			return l.inbound.Discard(e)
		}
		if l.guest != nil {
			e.Options.IsStream = false // as in version 1 of the protocol, the option means nothing
		}
		return l.inbound.Call(e)
	case envelope.KindReply:
		l.countMessage()
		l.handleReply(e)
	case envelope.KindSend:
		l.countMessage()
		if isOfStream(e) {
			return l.handleStream(e)
		}
		if e.Args == nil {
			return l.inbound.Discard(e)
		}
		l.inbound.Send(e)
	case envelope.KindPing:
		l.queue.pushPong(e.Nonce)
	case envelope.KindPong:
		l.handlePong(e.Nonce)
	}
	return nil
}

// countMessage counts a reply or a send of the peer. In a guest session neither means that it is used: only calls do.
func (l *Link) countMessage() {
	if l.guest == nil {
		l.messages.Add(1)
	}
}

// handleReply ends the call that e answers. If there is none, its caller has given up, or the session has ended.
func (l *Link) handleReply(e *envelope.Envelope) {
	p := l.flight.takeCall(e.ID)
	switch {
	case p == nil:
	case e.Err != nil:
		p.finish(result{err: e.Err})
	default:
		p.finish(result{value: e.Result})
	}
}

// handleCommand carries out one of the protocol's own sends, other than a bye. Other dialects than the native one have none:
// their codecs refuse such names.
func (s *session) handleCommand(e *envelope.Envelope) error {
	switch string(e.Name) {
	case envelope.NameHello:
		hello, err := envelope.ParseHello(e.Args)
		if err != nil {
			return err
		}
		if s.hello.Load() == nil { // a second one changes nothing (wire.md §6.7)
			s.hello.Store(&hello)
			parts := partsOf(&hello)
			if s.guest != nil {
				hello.Max, parts = 0, PartLimits{}
			}
			s.queue.setPeer(parts) // before anything larger than a frame can be queued
			if parts.Chains > 0 {
				s.largest.Store(int64(parts.Message + channel.Overhead))
			} else {
				s.largest.Store(max(s.largest.Load(), int64(hello.Max)))
			}
			s.tell(Greeted{s.Link})
		}
	case envelope.NameCancel:
		id, err := envelope.ParseCancel(e.Args)
		if err != nil {
			return err
		}
		s.inbound.Cancel(id)
	}
	return nil // a name of a later version
}
