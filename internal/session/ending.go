package session

import (
	"errors"
	"io"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

var errAfterBye = errors.New("the peer starts something after its bye")

// close ends the session as its reason demands (wire.md §7.3).
func (s *session) close(c Close) {
	bye := envelope.Bye{Code: c.Reason, Text: c.Text, RetryAfter: c.RetryAfter}
	if c.Hold > 0 {
		s.holdUntil = s.config.Clock.Now().Add(c.Hold)
	}
	switch {
	case s.remote == (identity.PublicKey{}):
		if c.Reason == envelope.ReasonBusy {
			s.cutHandshake(errEvicted)
		} else {
			s.cutHandshake(errStopped)
		}
	case s.state >= ending:
		if c.Reason == envelope.ReasonBusy && s.guest != nil && s.inbound == nil {
			_ = s.conn.Close() // a guest that was not let in makes room as a stranger does: it may be slow to read its bye
		}
	case s.state == proved, !halfCloses(c.Reason):
		s.finish(endedBy(bye), &bye) // if the peer is only proved, the bye is all that this session ever sends
	case s.state == open:
		s.end = endedBy(bye)
		s.halfClose(bye)
	}
}

// endedBy returns the end that a bye brings about.
func endedBy(bye envelope.Bye) Ended {
	return Ended{Reason: bye.Code, Text: bye.Text, RetryAfter: bye.RetryAfter}
}

// handleBye ends the session or half-closes it, as the peer's code says (wire.md §6.8).
func (s *session) handleBye(args []byte) error {
	bye, err := envelope.ParseBye(args)
	if err != nil {
		return err
	}
	answer := envelope.Bye{Code: bye.Code}
	if bye.Code == ReasonLost || bye.Code == ReasonHandshake {
		bye.Code = envelope.ReasonShutdown // lost and handshake are local reasons; from a peer they are unknown codes
	}
	end := endedBy(bye)
	end.ByPeer = true
	if !halfCloses(bye.Code) {
		s.finish(end, nil)
		_ = s.conn.Close() // the peer sends and reads nothing after its bye
		return nil
	}
	if s.peerBye {
		return nil
	}
	s.peerBye = true
	s.inbound.EndRequests()
	if s.state == open {
		s.end = end
		s.tell(HalfClosed{s.Link, bye})
		s.halfClose(answer)
	}
	return nil
}

// halfCloses says whether a bye of that code leaves time for answers. Unknown codes are treated like shutdown.
func halfCloses(code envelope.Reason) bool {
	switch code {
	case envelope.ReasonRefused, envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy,
		envelope.ReasonProtocol, envelope.ReasonUnresponsive:
		return false
	}
	return true
}

// halfClose says that this node starts no more calls and sends, and waits until nothing is in flight either way.
func (s *session) halfClose(bye envelope.Bye) {
	s.state = draining
	s.draining.Store(true)
	s.direct.Store(false)
	if s.dialect.hasControl {
		s.queue.halfClose(encodeBye(bye))
	} else {
		s.queue.halfClose(nil)
	}
	linger := s.config.Linger
	if bye.Code == envelope.ReasonDuplicate || bye.Code == envelope.ReasonRotated {
		linger = s.config.LingerReplaced
	}
	s.lingerUntil = s.config.Clock.Now().Add(linger)
	if s.guest != nil {
		linger = min(linger, lingerAfterBye) // guests and hosts cost nothing to make: none is waited for once nothing is in flight
	}
	s.startLinger(linger)
	s.closeIfDrained()
}

func encodeBye(bye envelope.Bye) *buffer {
	buf := newEnvelope(nil)
	buf.b = envelope.AppendBye(buf.b, bye)
	return buf
}

// closeIfDrained closes the connection once both have said bye and nothing is in flight (wire.md §7.3).
func (s *session) closeIfDrained() {
	if s.state == draining && (s.peerBye || !s.dialect.hasControl) && s.isDrained() {
		s.finish(s.end, nil)
	}
}

// isDrained says whether nothing is in flight, and all is written.
func (s *session) isDrained() bool {
	return s.callers.Load() == 0 && s.inbound.Pending() == 0 && s.streams.countAll() == 0 && s.queue.isEmpty()
}

// finish drops what is queued, says bye if there is one, and closes when that is written and the peer has read
// it, or once the connection takes nothing: see lingerAfterBye.
func (s *session) finish(end Ended, bye *envelope.Bye) {
	if s.state >= ending {
		return
	}
	if s.state == open && s.up && bye != nil {
		s.tell(Ending{s.Link, end})
	}
	waiting := s.state == proved
	s.state = ending
	s.end = end
	var buf *buffer
	if bye != nil && s.dialect.hasControl {
		buf = encodeBye(*bye)
	}
	now := s.config.Clock.Now()
	hold := s.holdUntil.Sub(now)
	s.held.Store(hold > 0)
	s.fail(end, buf)
	s.lingerUntil = now.Add(max(maxLinger, hold))
	s.startLinger(max(lingerAfterBye, hold))
	_ = s.conn.SetWriteDeadline(time.Unix(1, 0)) // long past: writeAll then records what was taken until now
	s.reader.discards.Store(true)
	s.stopWaits() // what still comes is discarded, so it waits for no turn
	if waiting {
		s.startReaderAndWriter()
	}
}

// startLinger bounds how long the session goes on: a half-close, or a bye that is being written.
func (s *session) startLinger(d time.Duration) {
	if s.stopLinger != nil {
		s.stopLinger()
	}
	s.stopLinger = s.after(d, lingerOver{})
}

func (s *session) endLinger() {
	now := s.config.Clock.Now()
	if s.state == draining {
		left := s.lingerUntil.Sub(now)
		if s.guest != nil && left > 0 && !s.isDrained() { // see halfClose
			s.startLinger(min(left, lingerAfterBye))
			return
		}
		s.finish(s.end, nil)
		return
	}
	taken := s.since.Add(time.Duration(s.taken.Load()))
	if left := min(taken.Add(lingerAfterBye).Sub(now), s.lingerUntil.Sub(now)); left > 0 {
		s.startLinger(left) // the bye waits behind a frame that the peer is still reading
		return
	}
	_ = s.conn.Close()
}

func (s *session) endForViolation(err error) {
	if s.state >= ending {
		return
	}
	s.logPeerFault("the peer broke the protocol", err)
	s.finish(Ended{Reason: envelope.ReasonProtocol, Err: err}, &envelope.Bye{Code: envelope.ReasonProtocol})
}

func (s *session) endReading(err error) {
	if s.state < ending {
		if s.end.Err != nil || errors.Is(err, io.EOF) {
			err = s.end.Err // of the write that failed before, if one did; "lost" says the rest
		}
		err = s.explainClose(err)
		if s.state == draining && s.peerBye {
			s.finish(s.end, nil)
		} else {
			s.finish(Ended{Reason: ReasonLost, Err: err}, nil)
		}
		_ = s.conn.Close()
	}
}

func (s *session) endWriting(err error) {
	if s.state < ending {
		// The peer may have said why: read what is left before deciding (wire.md §7.3).
		s.end.Err = s.explainClose(err)
		s.queue.finish(nil, &LinkError{Reason: ReasonLost, Err: err})
		s.lingerUntil = s.config.Clock.Now().Add(lingerAfterBye)
		s.startLinger(lingerAfterBye)
	}
}
