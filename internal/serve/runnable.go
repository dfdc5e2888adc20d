package serve

import "sync"

// A runnable has the requests whose handlers are to begin: every call, and of each peer one send. Each goroutine of the pool
// takes a request, and makes sure that another goroutine will take the next one before it runs the handler. So every handler
// begins at once, even if those before it never return; but as long as handlers are quick, one goroutine runs many, and few have
// to be woken.
type runnable struct {
	server *Server

	mu       sync.Mutex // guards the rest
	requests list       // bounded by the limits per peer
	waking   bool       // a goroutine is on its way; always so when a request waits and mu is free
}

// start lets the handler of a request begin.
func (q *runnable) start(r *Request) {
	q.mu.Lock()
	q.requests.push(r)
	q.wake()
}

// startAll lets the handlers of a list of requests begin, and empties it.
func (q *runnable) startAll(l *list) {
	if l.first == nil {
		return
	}
	q.mu.Lock()
	q.requests.append(l)
	q.wake()
}

// wake makes sure that a goroutine will come if there is something to take. It is called with mu held, and
// releases it.
func (q *runnable) wake() {
	wake := q.requests.first != nil && !q.waking
	q.waking = q.waking || wake
	q.mu.Unlock()
	if wake {
		q.server.runs.Add(1)
		q.server.config.Pool.Go(q)
	}
}

// Run implements actorkit.Runner.
func (q *runnable) Run() {
	defer q.server.runs.Done()
	for arrived := true; ; arrived = false {
		q.mu.Lock()
		if arrived {
			q.waking = false
		}
		r := q.requests.pop()
		q.wake()
		if r == nil {
			return
		}
		r.run()
	}
}
