package serve

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/idtable"
)

// ErrDuplicateID is a call whose id is that of another in flight: a breach of the protocol (wire.md §6.3).
var ErrDuplicateID = errors.New("call id is in flight already")

// ErrFlood is a peer that goes on calling without reading that it is refused.
var ErrFlood = errors.New("too many refused calls unanswered: the peer does not read")

// warnEvery is how often dropped sends of one peer are logged.
const warnEvery = time.Minute

// A Session is what one session asks. Its methods are called by the session's actor and do not block, but for
// Pending they are not safe for concurrent use.
type Session struct {
	server *Server
	peer   *peer
	conn   Conn

	// Note is for whoever registers handlers: what it remembers of the session's caller.
	Note atomic.Value

	pending atomic.Int64 // calls whose reply is not queued

	mu     sync.Mutex // guards the rest
	calls  idtable.Table[*Request]
	closed bool

	// Guarded by peer.mu.
	sends  []*Request
	sealed bool
}

// Conn returns the session that brings the calls.
func (s *Session) Conn() Conn { return s.conn }

// Call runs a handler, or refuses.
func (s *Session) Call(e *envelope.Envelope) error {
	entry := s.server.find(e.Name)
	if entry == nil {
		return s.refuse(e.ID, noHandler(string(e.Name)))
	}
	if e.Options.HasTimeout && e.Options.Timeout <= 0 {
		return s.refuse(e.ID, &envelope.RemoteError{Code: envelope.CodeDeadline, Text: "the call arrived after its time"})
	}
	if refusal := s.peer.enter(len(e.Args)); refusal != nil {
		return s.refuse(e.ID, refusal)
	}
	r := newRequest(s, entry, e)
	s.mu.Lock()
	taken := s.calls.Get(e.ID) != nil
	if !taken {
		s.calls.Put(e.ID, r)
	}
	s.mu.Unlock()
	if taken {
		s.peer.leave(len(e.Args))
		return fmt.Errorf("call %d: %w", e.ID, ErrDuplicateID)
	}
	s.pending.Add(1)
	s.server.start(r)
	return nil
}

func (s *Session) refuse(id envelope.CallID, e *envelope.RemoteError) error {
	s.mu.Lock()
	taken := s.calls.Get(id) != nil
	s.mu.Unlock()
	switch {
	case taken:
		return fmt.Errorf("call %d: %w", id, ErrDuplicateID)
	case !s.conn.Refuse(id, e):
		return ErrFlood
	}
	return nil
}

// Cancel ends the context of a call that still runs.
func (s *Session) Cancel(id envelope.CallID) {
	s.mu.Lock()
	r := s.calls.Get(id)
	s.mu.Unlock()
	if r != nil {
		r.cancel()
	}
}

// Pending returns how many calls are not yet answered. It is safe for concurrent use.
func (s *Session) Pending() int { return int(s.pending.Load()) }

// Close cancels what runs. Sends that wait are still handled, unless they are to be discarded.
func (s *Session) Close(discard bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	running := make([]*Request, 0, s.calls.Len())
	s.calls.All(func(r *Request) { running = append(running, r) })
	s.mu.Unlock()
	for _, r := range running {
		r.cancel()
	}
	if discard {
		s.peer.discard(s)
	}
	s.Sealed()
	s.server.left(s.peer)
}

// finished takes a call out of the table, before its reply is queued: from then on the peer may use its id
// again.
func (s *Session) finished(r *Request) {
	s.mu.Lock()
	s.calls.Take(r.id)
	s.mu.Unlock()
}

// settled gives back what a call took, once its reply is queued.
func (s *Session) settled(r *Request) {
	s.peer.leave(r.size)
	s.pending.Add(-1)
	s.conn.Settled()
}
