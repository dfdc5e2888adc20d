package session

import (
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// handleBatch handles what one read brought, in order, and gives the batch back.
func (s *session) handleBatch(b *batch) {
	s.tellIfRotationDue()
	for i := range b.envelopes {
		if s.state != open && s.state != draining {
			break // the session has ended; drop the rest
		}
		if err := s.handleEnvelope(&b.envelopes[i]); err != nil {
			s.endForViolation(err)
		}
	}
	s.reader.giveBack(b)
	s.closeIfDrained()
}

// handleEnvelope handles one envelope. An error is a violation of the protocol.
func (s *session) handleEnvelope(e *envelope.Envelope) error {
	s.missedPongs = 0
	if e.Kind == envelope.KindSend && string(e.Name) == envelope.NameBye && s.dialect.hasControl {
		return s.handleBye(e.Args)
	}
	var err error
	switch e.Kind {
	case envelope.KindCall:
		if s.peerBye {
			return errAfterBye
		}
		s.messages.Add(1)
		err = s.inbound.Call(e)
	case envelope.KindReply:
		s.messages.Add(1)
		s.handleReply(e)
	case envelope.KindSend:
		err = s.handleSend(e)
	case envelope.KindPing:
		s.queue.pushPong(e.Nonce)
	case envelope.KindPong:
		s.handlePong(e.Nonce)
	}
	if err == nil && !s.up && (e.Kind == envelope.KindPong || !s.dialect.upAtPong) {
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
	}
	return err
}

// handleReply ends the call that e answers. If there is none, its caller has given up.
func (s *session) handleReply(e *envelope.Envelope) {
	p := s.flight.takeCall(e.ID)
	switch {
	case p == nil:
	case e.Err != nil:
		p.done <- result{err: e.Err}
	default:
		p.done <- result{value: e.Result}
	}
}

// handleSend hands a send to its handler. Reserved names are commands of the protocol.
func (s *session) handleSend(e *envelope.Envelope) error {
	if !envelope.Reserved(e.Name) {
		if s.peerBye {
			return errAfterBye
		}
		s.messages.Add(1)
		s.inbound.Send(e)
		return nil
	}
	if !s.dialect.hasControl {
		return nil // to such a peer these names mean nothing
	}
	switch string(e.Name) {
	case envelope.NameHello:
		hello, err := envelope.ParseHello(e.Args)
		if err != nil {
			return err
		}
		if s.hello.Load() == nil { // a second one changes nothing (wire.md §6.7)
			s.hello.Store(&hello)
			if hello.Max > 0 {
				s.maxFrame.Store(max(s.maxFrame.Load(), int64(hello.Max)))
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
