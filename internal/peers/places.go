package peers

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxDials bounds the dials of all peers together, from the connect until the peer has proved its key (wire.md §9). A
// crowd of dead addresses must not fill the tables of this machine and of the routers before it.
const maxDials = 64

// places are held by the dials under way, one each. When none is free, peers wait for one in the order in which they came,
// those with a proven address first; a quarter of the places is for the others. A dial that has had its time makes room
// for one that waits. It is safe for concurrent use.
type places struct {
	mu    sync.Mutex // guards the rest, and the places
	held  []*place   // in the order in which they were taken
	queue []*place   // in the order of arrival; empty while a place is free
}

// A place is what a dial holds, or waits for.
type place struct {
	isProven bool      // the peer has a proven address
	post     func(any) // to the peer's actor: turnCame and placeWanted
	until    time.Time // when its dial has had its time; zero: the dial has not begun
	asked    bool      // to make room

	stop func() bool // of the timer that asks then whether others wait; the peer's alone
}

// take takes the place if one is free, and says whether it is held.
func (q *places) take(pl *place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	isHeld := slices.Contains(q.held, pl)
	if !isHeld && len(q.held) < maxDials {
		q.held, isHeld = append(q.held, pl), true
	}
	return isHeld
}

// wait has turnCame posted once it is the place's turn. It returns how many places are held.
func (q *places) wait(pl *place, now time.Time) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case slices.Contains(q.queue, pl), slices.Contains(q.held, pl): // turnCame will come, or is on its way
		return len(q.held)
	case len(q.held) < maxDials: // one has become free since take
		q.held = append(q.held, pl)
		pl.post(turnCame{pl})
		return len(q.held)
	}
	q.queue = append(q.queue, pl)
	for _, h := range q.held {
		if !h.asked && q.isWanted(h, now) {
			h.asked = true
			h.post(placeWanted{h})
			break
		}
	}
	return len(q.held)
}

// keep gives the dial that holds the place time until then.
func (q *places) keep(pl *place, until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	pl.until, pl.asked = until, false
}

// mustGo says whether the dial that holds the place has had its time, and another one waits for the place.
func (q *places) mustGo(pl *place, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	pl.asked = q.isWanted(pl, now)
	return pl.asked
}

// leave gives the place back, or waits for it no more.
func (q *places) leave(pl *place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	is := func(other *place) bool { return other == pl }
	q.held, q.queue = slices.DeleteFunc(q.held, is), slices.DeleteFunc(q.queue, is)
	for len(q.queue) > 0 && len(q.held) < maxDials {
		i := q.next()
		q.held = append(q.held, q.queue[i])
		q.queue[i].post(turnCame{q.queue[i]})
		q.queue = slices.Delete(q.queue, i, i+1)
	}
}

// next returns the index of the place in the queue whose turn it is. mu is held.
func (q *places) next() int {
	first := q.count(true) < share(true)
	return max(0, slices.IndexFunc(q.queue, func(w *place) bool { return w.isProven == first }))
}

// isWanted is called with mu held.
func (q *places) isWanted(pl *place, now time.Time) bool {
	if pl.until.IsZero() || now.Before(pl.until) {
		return false
	}
	held := q.count(pl.isProven)
	if pl.asked {
		held++
	}
	return slices.ContainsFunc(q.queue, func(w *place) bool { return w.isProven == pl.isProven || held > share(pl.isProven) })
}

// count returns how many places are held by dials of the one kind that were not asked to make room. mu is held.
func (q *places) count(isProven bool) (n int) {
	for _, h := range q.held {
		if h.isProven == isProven && !h.asked {
			n++
		}
	}
	return n
}

// share returns how many places are for peers with a proven address, or for those without, when both wait.
func share(isProven bool) int {
	if isProven {
		return maxDials - maxDials/4
	}
	return maxDials / 4
}

// hasPlace says whether the next dial of a round may begin: it needs no place, or p.place is held for it. If no place is
// free, a dial of the peer's own that had its time makes room.
func (p *peer) hasPlace(r *round) bool {
	if r.isFree {
		return true
	}
	if p.place == nil {
		p.place = &place{isProven: len(p.privileges.Proven) > 0, post: p.post}
	}
	if p.places.take(p.place) {
		return true
	}
	p.giveUpOne(func(pl *place) bool { return !p.Clock.Now().Before(pl.until) })
	return false
}

// awaitPlace waits for the peer's turn to dial, and says so.
func (p *peer) awaitPlace() string {
	p.waiting = true
	return fmt.Sprintf("waiting to dial: %d dials are under way", p.places.wait(p.place, p.Clock.Now()))
}

// keepPlace lets a dial that begins keep its place for its time, and longer while no other one waits.
func (p *peer) keepPlace(d *dial) {
	long := p.patienceAt(d.addr)
	p.places.keep(d.place, p.Clock.Now().Add(long))
	d.place.stopTimer()
	d.place.stop = p.after(long, placeWanted{d.place})
}

// yieldPlace calls off the dial that holds the place, if that is wanted.
func (p *peer) yieldPlace(wanted *place) {
	p.giveUpOne(func(pl *place) bool { return pl == wanted && p.places.mustGo(pl, p.Clock.Now()) })
}

// giveUpOne calls off a dial whose place is as described.
func (p *peer) giveUpOne(is func(*place) bool) {
	for _, d := range p.placed() {
		if d.place != nil && !d.gaveUp && is(d.place) {
			d.gaveUp = true
			d.giveUp()
			if a := p.at(d.addr); a != nil {
				a.yielded = p.Clock.Now()
			}
			return
		}
	}
}

// placed returns the dials and handshakes that are under way.
func (p *peer) placed() []*dial {
	return slices.AppendSeq(slices.Collect(maps.Keys(p.dials)), maps.Values(p.dialledTo))
}

// leavePlace gives back the place of a dial; d may be nil.
func (p *peer) leavePlace(d *dial) {
	if d != nil && d.place != nil {
		d.place.stopTimer()
		p.places.leave(d.place)
		d.place = nil
	}
}

func (pl *place) stopTimer() {
	if pl.stop != nil {
		pl.stop()
	}
}

// leavePlaces gives back the places of all dials.
func (p *peer) leavePlaces() {
	for _, d := range p.placed() {
		p.leavePlace(d)
	}
}
