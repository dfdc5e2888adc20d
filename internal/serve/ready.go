package serve

import "sync"

// A ready has the calls whose handlers have not begun. Each goroutine of the pool takes one, and makes sure that another
// goroutine will take the next before it runs its handler. So every handler begins at once, even
// if those before it never return; but as long as handlers are quick, one goroutine runs many, and few have to
// be woken.
type ready struct {
	server *Server

	mu     sync.Mutex // guards the rest
	calls  list       // bounded by the limits per peer
	waking bool       // a goroutine is on its way; always so when a call waits and mu is free
}

// start lets a call's handler begin.
func (q *ready) start(r *Request) {
	q.mu.Lock()
	q.calls.push(r)
	q.wake()
}

// wake makes sure that a goroutine will come if there is something to take. It is called with mu held, and
// releases it.
func (q *ready) wake() {
	wake := q.calls.first != nil && !q.waking
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
		r := q.calls.pop()
		q.wake()
		if r == nil {
			return
		}
		r.run()
	}
}
