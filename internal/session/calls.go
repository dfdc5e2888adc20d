package session

import (
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/idtable"
)

// A result ends one call or ping: what the peer answered, or why no answer will come.
type result struct {
	value []byte        // the caller's to keep
	rtt   time.Duration // of a ping
	err   error
}

// A pending is one call or ping of this node that waits for its answer. The pool gives it to another one afterwards.
type pending struct {
	done   chan result // has room for one; gets one unless the caller itself takes the pending out of its table. Nil: it has no waiter
	stream *Stream     // of a call that is a stream: it is told instead
	id     envelope.CallID
	ping   bool      // id is the nonce of a ping
	sent   time.Time // of a ping, and of a call to a BEAM node
	position
}

// finish hands the result to the goroutine that waits for p. The caller of finish has taken p out of its table.
func (p *pending) finish(r result) {
	if p.stream != nil {
		p.stream.replied(r)
	} else if p.done != nil {
		p.done <- r
	}
}

// pendings keeps the pendings of one node for their next use. Nodes do not share a pool: a channel made inside a
// testing/synctest bubble is of no use outside.
type pendings struct{ pool sync.Pool }

func (ps *pendings) get() *pending {
	p, ok := ps.pool.Get().(*pending)
	if !ok {
		return &pending{done: make(chan result, 1)}
	}
	*p = pending{done: p.done}
	return p
}

// put takes p back. If another goroutine took p out of its table, the result has been received.
func (ps *pendings) put(p *pending) { ps.pool.Put(p) }

// inFlight is the table of the calls and pings of this node that wait for an answer. A caller's goroutine enters its
// call and may take it out again; the reader answers it, and the actor fails it. The one that takes a call out of the table ends it, so
// each ends exactly once.
type inFlight struct {
	mu    sync.Mutex // guards the rest
	calls idtable.Table[*pending]
	pings []*pending
	err   error // not nil: the session has ended, nothing enters any more
}

func (t *inFlight) enter(p *pending) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.err != nil:
		return t.err
	case p.ping:
		t.pings = append(t.pings, p)
	default:
		t.calls.Put(p.id, p)
	}
	return nil
}

// takeCall takes a call out. Nil: another goroutine has, and the result is in done or about to be.
func (t *inFlight) takeCall(id envelope.CallID) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls.Take(id)
}

// hasCall says whether a call is in the table.
func (t *inFlight) hasCall(id envelope.CallID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls.Get(id) != nil
}

// remove takes p out. It returns false if another goroutine has: the result of p is in done or about to be.
func (t *inFlight) remove(p *pending) bool {
	if !p.ping {
		return t.takeCall(p.id) != nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.pings, p)
	if i >= 0 {
		t.pings = slices.Delete(t.pings, i, i+1)
	}
	return i >= 0
}

// takePings takes out the ping that a pong answers, and behind it the earlier pings that have a waiter: the peer may have
// dropped their pongs (wire.md §6.6), and pongs that have not come yet will not come. There are none if the nonce is unknown.
func (t *inFlight) takePings(nonce envelope.CallID, q *queue) (taken []*pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.pings, func(p *pending) bool { return p.id == nonce })
	if i < 0 {
		return nil
	}
	own := t.pings[i]
	taken = append(taken, own)
	q.mu.Lock()
	defer q.mu.Unlock()
	t.pings = slices.DeleteFunc(t.pings, func(p *pending) bool {
		isEarlier := p.done != nil && p.seq != 0 && p.seq < own.seq
		if isEarlier {
			taken = append(taken, p)
		}
		return isEarlier || p == own
	})
	return taken
}

// close ends everything with err, which says of each whether its envelope may have left q, and lets nothing in from now on.
func (t *inFlight) close(err *LinkError, q *queue) {
	t.mu.Lock()
	calls, pings := t.calls, t.pings
	t.calls, t.pings = idtable.Table[*pending]{}, nil
	if t.err == nil {
		t.err = err
	}
	t.mu.Unlock()
	fail := func(p *pending) {
		own := *err
		own.Sent = q.isTaken(&p.position)
		p.finish(result{err: &own})
	}
	calls.All(fail)
	for _, p := range pings {
		fail(p)
	}
}
