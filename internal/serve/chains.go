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
// parts are not kept, and Discard is called when it is complete. It is safe for concurrent use, and so is CloseChain.
func (s *Session) OpenChain(head *envelope.Envelope, size int) bool {
	c, p := &s.server.config, s.peer
	size -= besideArgs
	p.mu.Lock()
	defer p.mu.Unlock()
	if head.Kind == envelope.KindCall {
		return p.overloadedBy(size) == nil
	}
	if !s.sendsEnded {
		s.chains++
		p.chains++
	}
	return p.sends.n < c.Sends && p.sends.bytes+size <= c.SendBytes
}

// CloseChain says that nothing more comes of what OpenChain was told.
func (s *Session) CloseChain(head *envelope.Envelope) {
	p := s.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	if head.Kind == envelope.KindSend && s.chains > 0 {
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
	taken, overloaded := s.calls.Get(head.ID) != nil, p.overloadedBy(0)
	p.mu.Unlock()
	if taken {
		return fmt.Errorf("call %d: %w", head.ID, ErrDuplicateID)
	}
	if overloaded == nil {
		overloaded = s.server.overload.bytes
	}
	s.conn.Counters().Add(counters.CallsRefused, 1)
	return s.answerError(head.ID, overloaded)
}
