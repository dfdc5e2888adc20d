package session

import (
	"errors"
	"io"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

var errAfterBye = errors.New("the peer starts something after its bye")

// close ends the session as its reason demands (wire.md §7.3).
func (s *session) close(c Close) {
	bye := envelope.Bye{Code: c.Reason, Text: c.Text, RetryAfter: c.RetryAfter}
	end := Ended{Reason: c.Reason, Text: c.Text, RetryAfter: c.RetryAfter}
	switch {
	case s.state == shaking:
		if c.Reason == envelope.ReasonBusy {
			s.cut(errEvicted)
		} else {
			s.cut(errStopped)
		}
	case s.state >= ending:
	case s.state == proved:
		s.finish(end, &bye) // the first and the last word
		s.converse()
	case !halfCloses(c.Reason):
		s.finish(end, &bye)
	case !s.said:
		if s.bye == nil {
			s.end = end
		}
		s.half(bye)
	}
}

// half says that we start nothing more, and waits until nothing is in flight either way.
func (s *session) half(bye envelope.Bye) {
	s.said = true
	s.state = draining
	s.draining.Store(true)
	buf := begin(nil)
	buf.b = envelope.AppendBye(buf.b, bye)
	s.queue.seal(buf)
	s.stopLinger = s.after(s.config.Linger, lingered{})
	s.settled()
}

// settled closes the connection once both have said bye and nothing is in flight (wire.md §7.3).
func (s *session) settled() {
	if s.state == draining && s.said && s.bye != nil && s.flight.count() == 0 && s.inbound.Pending() == 0 && s.queue.empty() {
		s.finish(s.end, nil)
	}
}

// finish drops what is queued, says bye if there is one, and closes when that is written and the peer has read
// it, or in a second.
func (s *session) finish(end Ended, bye *envelope.Bye) {
	if s.state >= ending {
		return
	}
	if s.state == open && s.up && bye != nil {
		s.tell(Ending{s.Link, end})
	}
	s.state = ending
	s.end = end
	var buf *buffer
	if bye != nil {
		buf = begin(nil)
		buf.b = envelope.AppendBye(buf.b, *bye)
	}
	s.queue.finish(buf, end.link())
	s.fail(end)
	if s.stopLinger != nil {
		s.stopLinger()
	}
	s.stopLinger = s.after(lingerAfterBye, lingered{})
	s.reader.deaf.Store(true)
}

// lingered is the end of patience: with a half-close, or with the last words.
func (s *session) lingered() {
	if s.state == draining {
		s.finish(s.end, nil)
		return
	}
	_ = s.conn.Close()
}

func (s *session) violated(err error) {
	if s.state >= ending {
		return
	}
	s.caused("the peer broke the protocol", err)
	s.finish(Ended{Reason: envelope.ReasonProtocol, Err: &protocolError{err}}, &envelope.Bye{Code: envelope.ReasonProtocol})
}

func (s *session) readEnded(err error) {
	s.reading = false
	if s.state < ending {
		if s.end.Err != nil || errors.Is(err, io.EOF) {
			err = s.end.Err // of the write that failed before, if one did; "lost" says the rest
		}
		if s.state == draining && s.bye != nil {
			s.finish(s.end, nil)
		} else {
			s.finish(Ended{Reason: ReasonLost, Err: err}, nil)
		}
		_ = s.conn.Close()
	}
	s.ended()
}

func (s *session) writeEnded(err error) {
	s.writing = false
	if s.state < ending {
		// The peer may have said why: read what is left before deciding (wire.md §7.3).
		s.end.Err = err
		s.queue.finish(nil, &LinkError{Reason: ReasonLost, Err: err})
		if s.stopLinger != nil {
			s.stopLinger()
		}
		s.stopLinger = s.after(lingerAfterBye, lingered{})
	}
	s.ended()
}

// ended is the very end, once both goroutines have ended.
func (s *session) ended() {
	if s.reading || s.writing || s.state != ending {
		return
	}
	s.state = over
}
