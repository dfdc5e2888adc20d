package serve

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/idtable"
)

// ErrDuplicateID says that a call has the id of another in flight: a violation of the protocol (wire.md §6.3).
var ErrDuplicateID = errors.New("call id is in flight already")

// ErrFlood says that a peer goes on calling without reading that it is refused.
var ErrFlood = errors.New("too many refused calls unanswered: the peer does not read")

// callTooLate is the answer for any name, with or without a handler: no caller learns by it which names have one.
var callTooLate = &envelope.RemoteError{Code: envelope.CodeDeadline, Text: "the call arrived after its time"}

// A Session serves the requests of one session. Its methods do not block. One goroutine at a time calls them, except Pending and
// Close, which are safe for concurrent use. After Close requests are dropped.
type Session struct {
	server   *Server
	peer     *peer
	conn     Conn
	isServed bool // calls of the session may have a handler

	pending atomic.Int64 // calls whose reply is not queued, streams not counted
	arrived list         // calls that are entered and wait for Begin; only the goroutine that brings them touches it

	// Guarded by peer.mu.
	calls      idtable.Table[*Request] // nothing has begun to reply to them
	sendsEnded bool
	closed     bool
	chains     int // sends of which parts are coming
}

// IsGuest says whether the session is that of a guest.
func (s *Session) IsGuest() bool { return s.peer.isGuest }

// Conn returns the session that brings the calls.
func (s *Session) Conn() Conn { return s.conn }

// Call enters a call, or refuses it. Begin lets its handler begin. The error is ErrDuplicateID or ErrFlood. The envelope's slices are the request's
// to keep.
func (s *Session) Call(e *envelope.Envelope) error {
	if !s.isServed {
		return s.answerError(e.ID, noHandler(string(e.Name)))
	}
	late := e.Options.HasTimeout && e.Options.Timeout <= 0
	registration := s.find(e.Name)
	if registration == nil {
		registration = &Registration{Name: string(e.Name), Allow: deny} // an unknown name must look like a hidden one
	}
	r, p := newRequest(s, registration, e), s.peer
	p.mu.Lock()
	if s.closed {
		p.mu.Unlock()
		return nil
	}
	taken, overloaded := s.calls.Get(e.ID) != nil, (*envelope.RemoteError)(nil)
	if !taken && !late {
		switch {
		case e.Options.IsStream:
			overloaded = p.noRoomForStream(func() bool {
				return s.conn.Counters().ReserveStream(len(e.Args), s.server.config.StreamBytes)
			})
		case p.isGuest:
			overloaded = p.holdGuest(len(e.Args))
		default:
			overloaded = p.overloadedBy(len(e.Args))
		}
	}
	if overloaded == nil && !taken && !late {
		if e.Options.IsStream {
			r.stream = s.conn.ServeStream(e.ID, int(e.Options.Credit))
		}
		s.calls.Put(e.ID, r)
		p.begin(r)
	}
	p.mu.Unlock()
	switch {
	case taken:
		return fmt.Errorf("call %d: %w", e.ID, ErrDuplicateID)
	case late:
		return s.answerError(e.ID, callTooLate)
	case overloaded != nil:
		s.conn.Counters().Add(counters.CallsRefused, 1)
		return s.answerError(e.ID, overloaded)
	}
	s.arrived.push(r)
	return nil
}

// find returns the handler of a name; nil: it has none, or none that the peer may know of.
func (s *Session) find(name []byte) *Registration {
	r := s.server.find(name)
	if r != nil && (r.Audience == PeersAlone && s.peer.isGuest || r.Audience == GuestsAlone && !s.peer.isGuest) {
		return nil
	}
	return r
}

// Begin lets the handlers of the calls begin that have arrived since the last Begin.
func (s *Session) Begin() { s.server.runnable.startAll(&s.arrived) }

// deny is the Allow of names that have no handler.
func deny(context.Context, *Request) bool { return false }

// answerError answers a call that does not run. The error is ErrFlood: too many such answers wait.
func (s *Session) answerError(id envelope.CallID, e *envelope.RemoteError) error {
	if !s.conn.Refuse(id, e) {
		return ErrFlood
	}
	return nil
}

// Cancel ends the context of a call that still runs.
func (s *Session) Cancel(id envelope.CallID) {
	s.peer.mu.Lock()
	r := s.calls.Get(id)
	s.peer.mu.Unlock()
	if r != nil {
		r.cancel()
	}
}

// Pending returns how many calls are not yet answered, streams not counted. It is safe for concurrent use.
func (s *Session) Pending() int { return int(s.pending.Load()) }

// Close cancels the calls that run. Sends that wait are still handled, unless the peer is not trusted any more: then they are
// dropped, and the one that runs is cancelled.
func (s *Session) Close(reason envelope.Reason) {
	p := s.peer
	p.mu.Lock()
	if s.closed {
		p.mu.Unlock()
		return
	}
	s.closed = true
	s.calls.All((*Request).cancel)
	if reason == envelope.ReasonRevoked || reason == envelope.ReasonConflict {
		p.discard(s)
	}
	p.endSends(s)
	p.sessions--
	p.unlock()
}

// reply answers a call after beginReply, and gives back the rest of what the call took.
func (s *Session) reply(r *Request, result any, refusal *envelope.RemoteError) {
	defer func() { // also if the reply panics
		s.peer.mu.Lock()
		s.peer.endReply(r)
		s.peer.unlock()
		if r.stream == nil {
			s.pending.Add(-1)
		}
		s.conn.CheckDrained()
	}()
	if r.stream != nil {
		r.stream.Reply(result, refusal)
	} else {
		s.conn.Reply(r.id, result, refusal)
	}
}
