package mdns

import (
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

const (
	// maxAskers bounds the queries that wait to be looked at. Others are dropped, counted.
	maxAskers = 64

	// goodbyeAgain is when a goodbye is said for the second time: one packet may be lost.
	goodbyeAgain = 50 * time.Millisecond

	// never is when a responder wakes that has nothing to say.
	never = time.Hour
)

// An asked is a query and the index of the interface on which it came in.
type asked struct {
	index int
	query query
}

// A responder announces a node on some interfaces, and answers for it there: wire.md §8.2. Everything that it says is
// multicast. A goroutine of its own does it, until close.
type responder struct {
	announcers map[int]*announcer // by index of the interface; not changed; the announcers are the goroutine's until it has ended
	send       func(index int, m *dns.Msg)
	counters   *counters

	asked chan asked
	ends  chan int // interfaces with a goodbye in our name; room for each once
	quit  chan struct{}
	done  sync.WaitGroup
}

// respond begins to announce a node. send may be called from a goroutine until close has returned.
func respond(self discovery.Self, using []discovery.Interface, random func() float64, c *counters, send func(int, *dns.Msg)) *responder {
	r := &responder{announcers: make(map[int]*announcer, len(using)), send: send, counters: c,
		asked: make(chan asked, maxAskers), ends: make(chan int, len(using)), quit: make(chan struct{})}
	now := time.Now()
	for _, i := range using {
		r.announcers[i.Index] = newAnnouncer(now, recordsOn(i, self), random)
	}
	r.done.Go(r.run)
	return r
}

// ask takes a query. It does not wait.
func (r *responder) ask(index int, q query) {
	r.counters.Count(func(s *Stats) { s.Asked++ })
	select {
	case r.asked <- asked{index, q}:
	default:
		r.counters.Count(func(s *Stats) { s.Excess++ })
	}
}

// contradict takes a message that may take back records of ours. It does not wait: of several on one interface one that
// does is as good as all.
func (r *responder) contradict(h heard) {
	if a := r.announcers[h.index]; a != nil && a.ends(h.message) && !a.ended.Swap(true) {
		r.ends <- h.index
	}
}

func (r *responder) run() {
	wake := time.NewTimer(never)
	defer wake.Stop()
	for {
		wake.Reset(max(r.speak(time.Now()), 1)) // what is due at once is due in the next nanosecond
		select {
		case <-r.quit:
			return
		case q := <-r.asked:
			r.hear(time.Now(), q)
		case index := <-r.ends:
			a := r.announcers[index]
			a.ended.Store(false)
			a.contradict(time.Now())
		case <-wake.C:
		}
	}
}

func (r *responder) hear(now time.Time, q asked) {
	a := r.announcers[q.index]
	if a == nil {
		return
	}
	switch a.ask(now, q.query) {
	case answered:
	case limited:
		r.counters.Count(func(s *Stats) { s.Limited++ })
	case suppressed:
		r.counters.Count(func(s *Stats) { s.Suppressed++ })
	}
}

// speak says what is due, and returns how long nothing is.
func (r *responder) speak(now time.Time) time.Duration {
	wait := never
	for index, a := range r.announcers {
		if m := a.say(now); m != nil {
			r.send(index, m)
		}
		if next := a.next(); !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
	}
	return wait
}

// close ends the responder and says goodbye, but for what next goes on to say, on the same interface; nil: nothing.
func (r *responder) close(next *responder) {
	close(r.quit)
	r.done.Wait()
	goodbyes := make(map[int]*dns.Msg)
	for index, a := range r.announcers {
		var others []record
		if next != nil {
			others = next.recordsOn(index)
		}
		if m := a.goodbye(others); m != nil {
			goodbyes[index] = m
			r.send(index, m)
		}
	}
	if len(goodbyes) == 0 {
		return
	}
	time.Sleep(goodbyeAgain)
	for index, m := range goodbyes {
		r.send(index, m)
	}
}

// recordsOn returns what is said on an interface. It is safe for concurrent use, and not to be changed.
func (r *responder) recordsOn(index int) []record {
	if a := r.announcers[index]; a != nil {
		return a.records
	}
	return nil
}
