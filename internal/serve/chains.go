package serve

import (
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// besideArgs is the bytes that an envelope may have beside its arguments. Those count, and until they are there they are taken to
// be that much smaller: a caller that keeps to the limits must never be refused.
const besideArgs = 1 << 10

// OpenChain says that a call or a send of size bytes comes in parts, and returns whether there is room for it now. If not, its
// parts are not kept, and Discard is called when it is complete. CloseChain follows for a send. Both are safe for concurrent use.
//
// Whether a call asks for a stream is known at its end alone. Until then its name tells: whether the handler makes streams.
func (s *Session) OpenChain(head *envelope.Envelope, size int) bool {
	c, p := &s.server.config, s.peer
	size -= besideArgs
	p.mu.Lock()
	defer p.mu.Unlock()
	if head.Kind == envelope.KindCall {
		return s.refuses(head, size) == nil
	}
	if !s.sendsEnded {
		s.chains++
		p.chains++
	}
	return p.sends.n < c.Sends && p.sends.bytes+size <= c.SendBytes
}

// refuses returns the answer to a call in parts of which size bytes are arguments, if there is no room for it. It is called with
// peer.mu held.
func (s *Session) refuses(head *envelope.Envelope, size int) *envelope.RemoteError {
	if r := s.server.find(head.Name); r == nil || !r.IsStream {
		return s.peer.overloadedBy(size)
	}
	reserved := s.conn.Counters().StreamBytes()
	return s.peer.noRoomForStream(func() bool { return reserved+size <= s.server.config.StreamBytes })
}

// CloseChain says that a send of which OpenChain was told has been handed to Send or Discard, or that the peer has abandoned it.
func (s *Session) CloseChain() {
	p := s.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.chains > 0 {
		s.chains--
		p.chains--
	}
}

// Discard refuses a call, or drops a send, for which there was no room when its first part came. The error is as for Call.
func (s *Session) Discard(head *envelope.Envelope) error {
	c, p := &s.server.config, s.peer
	if head.Kind == envelope.KindSend {
		s.conn.Counters().Add(counters.SendsIn, 1)
		s.conn.Counters().Add(counters.SendsDropped, 1)
		p.warnOfDrop("SendBytesPerPeer", c.SendBytes)
		return nil
	}
	p.mu.Lock()
	taken, overloaded := s.calls.Get(head.ID) != nil, s.refuses(head, 0)
	p.mu.Unlock()
	if taken {
		return fmt.Errorf("call %d: %w", head.ID, ErrDuplicateID)
	}
	if overloaded == nil { // by now there would be room
		overloaded = s.server.overload.bytes
		if r := s.server.find(head.Name); r != nil && r.IsStream {
			overloaded = s.server.overload.reserved
		}
	}
	s.conn.Counters().Add(counters.CallsRefused, 1)
	return s.answerError(head.ID, overloaded)
}
