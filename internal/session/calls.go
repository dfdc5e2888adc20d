package session

import (
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/idtable"
)

// A result ends one call: a value, what the peer answered instead, or why there will be no answer.
type result struct {
	value []byte // the caller's to keep
	err   error
}

// A pending is one call, or one ping, that waits for its answer. It is used again for another.
type pending struct {
	done chan result // has room for one; exactly one arrives for each time the pending leaves its table unclaimed
	place
}

// pendings keeps those of one node that wait for their next use. They are not kept for all nodes together: a
// channel made inside a testing/synctest bubble is of no use outside.
type pendings struct{ pool sync.Pool }

func (ps *pendings) get() *pending {
	p, ok := ps.pool.Get().(*pending)
	if !ok {
		return &pending{done: make(chan result, 1)}
	}
	p.place = place{}
	return p
}

// put takes p back. Its result, if it left the table by another's hand, has been received.
func (ps *pendings) put(p *pending) { ps.pool.Put(p) }

// inFlight is the calls and pings of ours that wait for an answer. A caller's goroutine enters its call and
// may take it out again; the session answers or fails it. Whoever takes a call out of the table ends it, so
// each ends exactly once.
type inFlight struct {
	mu    sync.Mutex // guards the rest
	calls idtable.Table[*pending]
	pings map[uint64]*ping
	err   error // not nil: the session has ended, nothing enters any more
}

type ping struct {
	pending *pending // nil: nobody waits
	sent    time.Time
	place
}

func (t *inFlight) enter(id envelope.CallID, p *pending) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	t.calls.Put(id, p)
	return nil
}

// take takes a call out; nil: somebody else has, and its result is in done or about to be.
func (t *inFlight) take(id envelope.CallID) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls.Take(id)
}

func (t *inFlight) enterPing(nonce uint64, p *ping) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	if t.pings == nil {
		t.pings = make(map[uint64]*ping)
	}
	t.pings[nonce] = p
	return nil
}

func (t *inFlight) takePing(nonce uint64) *ping {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pings[nonce]
	delete(t.pings, nonce)
	return p
}

// ponged takes out the ping that a pong answers, nil if there is none, and those that left before it and that somebody
// waits for. Of them the peer may have dropped the pongs (wire.md §6.6): none will come that has not.
func (t *inFlight) ponged(nonce uint64, q *queue) (own *ping, earlier []*ping) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own = t.pings[nonce]; own == nil {
		return nil, nil
	}
	delete(t.pings, nonce)
	q.mu.Lock()
	defer q.mu.Unlock()
	for n, p := range t.pings {
		if p.pending != nil && p.seq != 0 && p.seq < own.seq {
			earlier = append(earlier, p)
			delete(t.pings, n)
		}
	}
	return own, earlier
}

func (t *inFlight) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls.Len()
}

// close ends everything with the error that why gives for it, and lets nothing in from now on.
func (t *inFlight) close(err error, why func(*place) error) {
	t.mu.Lock()
	calls, pings := t.calls, t.pings
	t.calls, t.pings = idtable.Table[*pending]{}, nil
	if t.err == nil {
		t.err = err
	}
	t.mu.Unlock()
	calls.All(func(p *pending) { p.done <- result{err: why(&p.place)} })
	for _, p := range pings {
		if p.pending != nil { // nobody waits for the pings of liveness
			p.pending.done <- result{err: why(&p.place)}
		}
	}
}
