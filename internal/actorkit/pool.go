// Package actorkit holds what every actor of this module needs beyond Proto.Actor itself: a pool of goroutines to run
// on, a log of panics before the library recovers them, and a supervisor that stops a failed child instead of
// restarting it.
package actorkit

import "sync"

// A Runner is work for a Pool.
type Runner interface{ Run() }

// A Pool runs each piece of work at once, in a goroutine of its own, and keeps some goroutines parked between pieces. A
// parked goroutine has a stack that has already grown. A fresh goroutine for every activation of an actor would spend
// most of its time growing its stack.
//
// A Pool is safe for concurrent use. Go never blocks and never refuses.
type Pool struct {
	parkedMax int

	mu     sync.Mutex    // guards the rest
	parked []chan Runner // of parked goroutines, most recently used last, so that warm stacks are used first
	closed bool
}

// NewPool returns a pool that keeps up to parked goroutines between pieces of work.
func NewPool(parked int) *Pool { return &Pool{parkedMax: parked} }

// Go runs r in a goroutine of the pool. A panic in r is r's to recover.
func (p *Pool) Go(r Runner) {
	p.mu.Lock()
	if n := len(p.parked); n > 0 {
		work := p.parked[n-1]
		p.parked[n-1] = nil
		p.parked = p.parked[:n-1]
		p.mu.Unlock()
		work <- r // has room for one, and that of a parked goroutine is empty
		return
	}
	p.mu.Unlock()
	go p.run(r)
}

// run ends when more than enough workers are parked, or by Close.
func (p *Pool) run(r Runner) {
	work := make(chan Runner, 1)
	for r != nil {
		r.Run()
		r = nil // a parked worker must not hold on to what it ran
		p.mu.Lock()
		if p.closed || len(p.parked) >= p.parkedMax {
			p.mu.Unlock()
			return
		}
		p.parked = append(p.parked, work)
		p.mu.Unlock()
		r = <-work
	}
}

// Close ends the parked goroutines. Running work ends by itself, and its goroutine with it. Go still works, but parks
// no goroutine.
func (p *Pool) Close() {
	p.mu.Lock()
	parked := p.parked
	p.parked, p.closed = nil, true
	p.mu.Unlock()
	for _, work := range parked {
		work <- nil
	}
}

// Schedule implements actor.Dispatcher.
func (p *Pool) Schedule(fn func()) { p.Go(runFunc(fn)) }

// Throughput implements actor.Dispatcher: how many messages an actor handles before it yields.
func (p *Pool) Throughput() int { return 300 }

type runFunc func()

func (f runFunc) Run() { f() }
