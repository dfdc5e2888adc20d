package serve

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/idtable"
)

// ErrDuplicateID is a call whose id is that of another in flight: a breach of the protocol (wire.md §6.3).
var ErrDuplicateID = errors.New("call id is in flight already")

// ErrFlood is a peer that goes on calling without reading that it is refused.
var ErrFlood = errors.New("too many refused calls unanswered: the peer does not read")

// A Session is what one session asks. Its methods do not block. They are called by the session's actor, and are not
// safe for concurrent use but for Pending. After Close come Close and Pending alone.
type Session struct {
	server *Server
	peer   *peer
	conn   Conn

	// Note is for whoever registers handlers: what it remembers of the session's caller.
	Note atomic.Value

	pending atomic.Int64 // calls whose reply is not queued

	// Guarded by peer.mu.
	calls  idtable.Table[*Request] // to which nobody has yet begun to reply
	sealed bool
	closed bool
}

// Conn returns the session that brings the calls.
func (s *Session) Conn() Conn { return s.conn }

// Call runs a handler, or refuses. The error is ErrDuplicateID or ErrFlood. The envelope's slices are the request's
// to keep.
func (s *Session) Call(e *envelope.Envelope) error {
	// What is told before the handler is looked up is told of any name: nobody learns by it what there is.
	if e.Options.HasTimeout && e.Options.Timeout <= 0 {
		return s.refuse(e.ID, &envelope.RemoteError{Code: envelope.CodeDeadline, Text: "the call arrived after its time"})
	}
	entry, p := s.server.find(e.Name), s.peer
	var r *Request
	if entry != nil {
		r = newRequest(s, entry, e)
	}
	p.mu.Lock()
	taken, overloaded := s.calls.Get(e.ID) != nil, p.full(len(e.Args))
	if overloaded == nil && !taken && r != nil {
		s.calls.Put(e.ID, r)
		p.running.add(r)
		s.pending.Add(1)
	}
	p.mu.Unlock()
	switch {
	case taken:
		return duplicate(e.ID)
	case overloaded != nil:
		s.conn.Counters().Add(counters.CallsRefused, 1)
		return s.refuse(e.ID, overloaded)
	case r == nil:
		return s.refuse(e.ID, noHandler(string(e.Name)))
	}
	s.server.ready.start(r)
	return nil
}

func (s *Session) refuse(id envelope.CallID, e *envelope.RemoteError) error {
	s.peer.mu.Lock()
	taken := s.calls.Get(id) != nil
	s.peer.mu.Unlock()
	switch {
	case taken:
		return duplicate(id)
	case !s.conn.Refuse(id, e):
		return ErrFlood
	}
	return nil
}

func duplicate(id envelope.CallID) error { return fmt.Errorf("call %d: %w", id, ErrDuplicateID) }

// Cancel ends the context of a call that still runs.
func (s *Session) Cancel(id envelope.CallID) {
	s.peer.mu.Lock()
	r := s.calls.Get(id)
	s.peer.mu.Unlock()
	if r != nil {
		r.cancel()
	}
}

// Pending returns how many calls are not yet answered. It is safe for concurrent use.
func (s *Session) Pending() int { return int(s.pending.Load()) }

// Close cancels the calls that run. Sends that wait are still handled; with discard they are dropped, and the one
// that runs is cancelled.
func (s *Session) Close(discard bool) {
	p := s.peer
	p.mu.Lock()
	if s.closed {
		p.mu.Unlock()
		return
	}
	s.closed = true
	s.calls.All((*Request).cancel)
	if discard {
		p.discard(s)
	}
	p.seal(s)
	p.sessions--
	p.work()
	s.server.forget(p)
}

// finished takes note that a call's handler has returned, and says whether the reply is still to be given; from then on
// the peer may use its id again, and its place among those that run.
func (s *Session) finished(r *Request) bool {
	p := s.peer
	p.mu.Lock()
	p.running.sub(r)
	reply := p.claim(r)
	idle := p.idle()
	p.mu.Unlock()
	if idle {
		s.server.forget(p)
	}
	return reply
}

// claim says whether the reply to a call is still to be given: then it is for who asks, before anybody else. The peer may
// use the call's id again.
func (s *Session) claim(r *Request) bool {
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	return s.peer.claim(r)
}

// settled gives back the rest of what a call took, once its reply is queued.
func (s *Session) settled(r *Request) {
	p := s.peer
	p.mu.Lock()
	p.replying.sub(r)
	idle := p.idle()
	p.mu.Unlock()
	if idle {
		s.server.forget(p)
	}
	s.pending.Add(-1)
	s.conn.Settled()
}
