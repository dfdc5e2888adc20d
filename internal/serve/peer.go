package serve

import (
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// minReplies may be queued at once however few calls may run: this many may have left before this node counts them.
const minReplies = 16

// A peer has what the sessions of one peer share: its limits, and the order of its sends. It lasts until the last
// session is closed and all its requests are done.
type peer struct {
	server  *Server
	key     identity.PublicKey
	isGuest bool // it has one session, which is that of a guest

	mu       sync.Mutex // guards the rest, and fields of each session; taken with the server's held, never the other way round
	sessions int        // not closed
	sending  int        // sessions that can bring more sends
	running  load       // calls, from their arrival until their handlers have returned
	replying load       // calls whose reply is being queued

	streams         load // as running, of streams
	replyingStreams load // as replying, of streams

	sends    load     // handling, waiting and deferred
	handling *Request // the send that runs, or is about to
	waiting  list     // in the order in which they will run
	deferred list     // in order of arrival: which session's come first is not known yet

	deferUntil time.Time // zero: nothing is deferred
	chains     int       // sends of which parts are coming, over sessions that can bring more

	heldCalls int                   // of a guest: a call is held until its handler has returned and its reply is queued
	halfDone  map[*Request]struct{} // calls of a guest, and streams: the handler runs still, or the reply is not queued, but not both

	drops limiter.Lines // about dropped sends; it has a lock of its own
}

// A load is a number of calls or sends, and the bytes of their arguments.
type load struct{ n, bytes int }

func (l *load) add(r *Request) { l.n, l.bytes = l.n+1, l.bytes+r.size() }
func (l *load) sub(r *Request) { l.n, l.bytes = l.n-1, l.bytes-r.size() }

// begin counts a call that has arrived. It is called with mu held, as end.
func (p *peer) begin(r *Request) {
	if r.stream != nil {
		p.streams.add(r)
		return
	}
	p.running.add(r)
	r.session.pending.Add(1)
}

// end counts that the handler of a call has returned.
func (p *peer) end(r *Request) {
	if r.stream != nil {
		p.streams.sub(r)
	} else {
		p.running.sub(r)
	}
	p.unhold(r)
}

// beginReply returns true to the first that is to reply to a call, and to it alone. The peer may then use the call's id again. It
// is called with mu held.
func (p *peer) beginReply(r *Request) bool {
	calls := &r.session.calls
	if calls.Get(r.id) != r {
		return false
	}
	calls.Take(r.id)
	p.repliesLike(r).add(r)
	return true
}

// endReply counts that a reply is queued. It is called with mu held.
func (p *peer) endReply(r *Request) {
	p.repliesLike(r).sub(r)
	p.unhold(r)
}

// load returns what the peer's requests are at work on.
func (p *peer) load() Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Load{Calls: p.running.n + p.replying.n + p.streams.n + p.replyingStreams.n,
		Bytes: p.running.bytes + p.replying.bytes + p.streams.bytes + p.replyingStreams.bytes + p.sends.bytes}
}

// repliesLike returns the count of replies that are being queued to which that of r belongs.
func (p *peer) repliesLike(r *Request) *load {
	if r.stream != nil {
		return &p.replyingStreams
	}
	return &p.replying
}

// isIdle says whether nothing is left of the peer. It is called with mu held.
func (p *peer) isIdle() bool {
	return p.sessions == 0 && p.running.n+p.replying.n+p.streams.n+p.replyingStreams.n+p.sends.n == 0
}

// unlock releases mu. It starts the next send if none runs, and has the server forget a peer that has nothing left.
func (p *peer) unlock() {
	var next *Request
	if p.handling == nil {
		next = p.waiting.pop()
		p.handling = next
	}
	idle := p.isIdle()
	p.mu.Unlock()
	if next != nil {
		p.server.runnable.start(next)
	}
	if idle {
		p.server.forget(p)
	}
}
