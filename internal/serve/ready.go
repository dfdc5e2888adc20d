package serve

import "sync"

// A ready is the calls whose handlers have not begun. Goroutines of the pool take one each, and before it runs
// its handler each makes sure that another goroutine will take the next. So every handler begins at once, even
// if those before it never return; but as long as handlers are quick, one goroutine runs many, and few have to
// be woken.
type ready struct {
	server *Server

	mu     sync.Mutex // guards the rest
	first  *Request   // a list through Request.next: what waits is bounded by the limits per peer
	last   *Request
	waking bool // a goroutine is on its way
}

// start lets a call's handler begin.
func (s *Server) start(r *Request) {
	q := &s.ready
	q.mu.Lock()
	if q.first == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
	q.wake()
}

// wake makes sure that a goroutine will come if there is something to take. It is called with mu held, and
// releases it.
func (q *ready) wake() {
	wake := q.first != nil && !q.waking
	q.waking = q.waking || wake
	q.mu.Unlock()
	if wake {
		q.server.runs.Add(1)
		q.server.config.Pool.Go(q)
	}
}

// Run implements actorkit.Runner.
func (q *ready) Run() {
	defer q.server.runs.Done()
	for arrived := true; ; arrived = false {
		q.mu.Lock()
		if arrived {
			q.waking = false
		}
		r := q.first
		if r == nil {
			q.mu.Unlock()
			return
		}
		q.first, r.next = r.next, nil
		q.wake()
		r.answer()
	}
}
