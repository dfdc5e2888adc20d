package serve

import (
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// guestReply is the bytes that the reply to a guest may have: one frame (wire.md §4.7). They count from the arrival of the call, as
// nobody knows how many of them its handler will need.
const guestReply = 64 << 10

// OpenGuest serves the calls that come over a guest session, until the session that it returns is closed. isServed says that the
// other end is the guest; else every call gets the answer for an unknown name, at once, and holds nothing. Each session has limits of
// its own, also if its key is that of a trusted peer: keys cost a guest nothing.
func (s *Server) OpenGuest(conn Conn, isServed bool) *Session {
	p := &peer{server: s, key: conn.Remote(), isGuest: true, drops: limiter.Lines{Most: 1}}
	s.mu.Lock()
	s.guests[p] = struct{}{}
	s.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open()
	return &Session{server: s, peer: p, conn: conn, isServed: isServed}
}

// holdGuest returns the answer to a call of a guest with this many bytes of arguments for which there is no room; nil: there is, and it
// is held until the handler has returned and the reply is queued. It is called with mu held.
func (p *peer) holdGuest(args int) *envelope.RemoteError {
	s := p.server
	switch {
	case p.heldCalls >= s.config.GuestCalls:
		return s.overload.guestCalls
	case s.held.Add(int64(args+guestReply)) > int64(s.config.GuestBytes):
		s.held.Add(-int64(args + guestReply))
		return s.overload.guestBytes
	}
	p.heldCalls++
	return nil
}

// unhold gives back what a guest's call holds, or the arguments of a stream, once its handler has returned and its reply is queued, or
// written if it is that of a stream. It is called with mu held.
func (p *peer) unhold(r *Request) {
	if !p.isGuest && r.stream == nil {
		return
	}
	_, isHalf := p.halfDone[r]
	switch {
	case !isHalf:
		if p.halfDone == nil {
			p.halfDone = make(map[*Request]struct{})
		}
		p.halfDone[r] = struct{}{}
		return
	case r.stream != nil:
		r.session.conn.Counters().ReleaseStream(r.size())
	default:
		p.heldCalls--
		p.server.held.Add(-int64(r.size() + guestReply))
	}
	delete(p.halfDone, r)
}

// GuestLoad returns the work of all guests' calls.
func (s *Server) GuestLoad() (all Load) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.guests {
		l := p.load()
		all.Calls, all.Bytes = all.Calls+l.Calls, all.Bytes+l.Bytes
	}
	return all
}
