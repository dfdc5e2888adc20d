package serve

import (
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// minReplies may be queued at once however few calls may run: so many may have left without this node noting it.
const minReplies = 16

// A peer is what the sessions of one peer share: its limits, and the order of its sends. It lasts until the last
// session is closed and all that they brought is done.
type peer struct {
	server *Server
	key    identity.PublicKey

	mu       sync.Mutex // guards the rest, and what each session says; taken with the server's held, never the other way round
	sessions int        // not closed
	unsealed int        // of them; they can bring more sends
	running  load       // calls, from their arrival until their handlers have returned
	replying load       // calls whose reply is being queued

	sends    load // all that follow
	handling *Request
	waiting  list // their turn is certain
	held     list // in order of arrival: their turn is not
	draining bool // a goroutine works the sends off

	heldUntil time.Time // zero: nothing is held
	stopHold  func() bool

	warned   time.Time // of drops
	unwarned uint64    // dropped since
}

// A load is a number of calls or sends, and the bytes of their arguments.
type load struct{ n, bytes int }

func (l *load) add(r *Request) { l.n, l.bytes = l.n+1, l.bytes+r.size() }
func (l *load) sub(r *Request) { l.n, l.bytes = l.n-1, l.bytes-r.size() }

// claim is Session.claim with mu held.
func (p *peer) claim(r *Request) bool {
	calls := &r.session.calls
	if calls.Get(r.id) != r {
		return false
	}
	calls.Take(r.id)
	p.replying.add(r)
	return true
}

// idle says whether nothing is left of the peer. It is called with mu held.
func (p *peer) idle() bool {
	return p.sessions == 0 && p.running.n == 0 && p.replying.n == 0 && p.sends.n == 0
}
