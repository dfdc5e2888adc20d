package memnet

import (
	"math"
	"math/rand/v2"
	"time"
)

// A pipe is one direction of a connection: the bytes that one end wrote and the other has not read, some arrived, some
// still travelling. Its link's lock guards it.
//
// Bytes arrive in the call that writes them when the path is open, nothing delays them and none travel ahead of them.
// Else they become segments, and one timer per pipe, made at first need, carries out what is due.
type pipe struct {
	link     *link
	from, to *Conn
	rand     *rand.Rand // delays
	shut     bool       // the path is cut: nothing arrives, in this direction

	sent  int64 // bytes taken from the writer
	acked int64 // bytes that no longer count against the window

	ring     ring // ready bytes that have arrived, then those of the segments
	ready    int
	segments []segment // travelling, by time of arrival
	first    int       // segments before it have arrived
	last     time.Time // the latest arrival so far: nothing overtakes it
	busy     time.Time // under a rate, when what was sent before has left

	unsentLimit int       // bytes that may wait to leave, under a rate; 0: as many as the window has
	next        time.Time // under trickle, when the next chunk may arrive
	finished    bool      // the end of the stream has arrived
	resetAt     time.Time // when a reset arrives; zero: none on the way

	timer *time.Timer
	armed time.Time // when the timer fires; zero: it does not
}

// A segment is what arrives at one time: bytes, or the end of the stream.
type segment struct {
	at  time.Time
	n   int // bytes of it still to arrive
	fin bool
}

// packetBytes is how much arrives at one time under a rate: a usual TCP segment.
const packetBytes = 1400

// back returns the opposite direction.
func (p *pipe) back() *pipe { return p.to.out }

// room is how much the writer may write.
func (p *pipe) room() int {
	room := windowSize - int(p.sent-p.acked)
	if rate := p.rate(); rate > 0 && p.unsentLimit > 0 {
		unsent := int(max(0, time.Until(p.busy)) * time.Duration(rate) / time.Second)
		room = min(room, max(0, p.unsentLimit-unsent))
	}
	return room
}

// send takes b, which fits into the room.
func (p *pipe) send(b []byte) {
	p.sent += int64(len(b))
	p.link.n.bytes.Add(uint64(len(b)))
	p.ring.write(b)
	if p.direct() {
		p.arrive(len(b))
		return
	}
	packet := len(b)
	if p.rate() > 0 {
		packet = packetBytes
	}
	for left := len(b); left > 0; left -= packet {
		n := min(left, packet)
		p.queue(segment{at: p.arrival(n), n: n})
	}
	p.deliver()
}

// rate returns how many bytes leave in a second; 0: any.
func (p *pipe) rate() int { return p.conditions().rateOn(p.from.host, p.to.host) }

// finish sends the end of the stream.
func (p *pipe) finish() {
	if p.direct() {
		p.end()
		return
	}
	p.queue(segment{at: p.arrival(0), fin: true})
	p.deliver()
}

// reset sends a reset. It waits for nothing but the path: bytes that trickle are lost to it.
func (p *pipe) reset() {
	if !p.resetAt.IsZero() {
		return
	}
	p.resetAt = p.arrival(0)
	p.deliver()
}

// read moves bytes that have arrived into b and gives the writer their room.
func (p *pipe) read(b []byte) int {
	b = b[:min(len(b), p.ready)]
	if chunk := p.conditions().chunk; chunk > 0 {
		b = b[:min(len(b), chunk)]
	}
	n := p.ring.read(b)
	p.ready -= n
	p.acknowledge()
	return n
}

// acknowledge lets the writer write as much more as has been read, unless the path back is cut.
func (p *pipe) acknowledge() {
	if acked := p.sent - int64(p.ring.n); !p.back().shut && acked > p.acked {
		p.acked = acked
		p.from.writable.Broadcast()
	}
}

func (p *pipe) conditions() *conditions { return p.link.n.conditions.Load() }

// direct reports whether what is sent now arrives now.
func (p *pipe) direct() bool {
	return !p.shut && p.first == len(p.segments) && p.conditions().direct(p.from.host, p.to.host)
}

// arrival draws when n bytes sent now arrive, and holds all that follows to it.
func (p *pipe) arrival(n int) time.Time {
	c, leaves := p.conditions(), time.Now()
	if rate := p.rate(); rate > 0 {
		if p.busy.After(leaves) {
			leaves = p.busy
		}
		leaves = leaves.Add(time.Duration(n) * time.Second / time.Duration(rate))
		p.busy = leaves
	}
	at := leaves.Add(c.delay(p.rand, p.from.host, p.to.host))
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	return at
}

// queue adds what deliver will let arrive.
func (p *pipe) queue(s segment) {
	if n := len(p.segments); n > p.first && !s.fin && p.segments[n-1].at.Equal(s.at) {
		p.segments[n-1].n += s.n
	} else {
		p.segments = append(p.segments, s)
	}
}

// deliver lets everything arrive that is due, and sets the timer for what is not.
func (p *pipe) deliver() {
	if !p.shut {
		now := time.Now()
		p.deliverSegments(now)
		if !p.resetAt.IsZero() && !p.resetAt.After(now) {
			p.to.broken()
		}
	}
	p.schedule()
}

func (p *pipe) deliverSegments(now time.Time) {
	c := p.conditions()
	budget := math.MaxInt
	if c.every > 0 {
		budget = c.chunk
		if now.Before(p.next) {
			budget = 0
		}
	}
	for p.first < len(p.segments) && !p.segments[p.first].at.After(now) {
		s := &p.segments[p.first]
		n := min(s.n, budget)
		if s.n -= n; n > 0 {
			budget -= n
			p.next = now.Add(c.every)
			p.arrive(n)
		}
		if p.first == len(p.segments) || s.n > 0 {
			break // the arrival broke the connection, or the budget is spent
		}
		if p.first++; s.fin {
			p.end()
		}
	}
	p.compact()
}

// compact drops segments that have arrived, at a cost that is constant for each.
func (p *pipe) compact() {
	if p.first > len(p.segments)/2 {
		p.segments = p.segments[:copy(p.segments, p.segments[p.first:])]
		p.first = 0
	}
}

// arrive gives the next n bytes of the ring to the reader. If nobody is there any more, a reset goes back.
func (p *pipe) arrive(n int) {
	if p.to.gone() {
		p.ring.discard(n)
		p.back().reset()
		return
	}
	p.ready += n
	p.to.readable.Broadcast()
	if p.unsentLimit > 0 {
		p.from.writable.Broadcast() // as much has left since the last arrival
	}
}

// end tells the reader that nothing follows.
func (p *pipe) end() {
	p.finished = true
	p.to.readable.Broadcast()
}

// schedule sets the timer to the next arrival, and stops it when there is none.
func (p *pipe) schedule() {
	var at time.Time
	if p.first < len(p.segments) {
		s := p.segments[p.first]
		at = s.at
		if p.conditions().every > 0 && s.n > 0 && at.Before(p.next) {
			at = p.next
		}
	}
	if !p.resetAt.IsZero() && (at.IsZero() || p.resetAt.Before(at)) {
		at = p.resetAt
	}
	if p.shut {
		at = time.Time{}
	}
	switch {
	case at.Equal(p.armed):
	case at.IsZero():
		p.timer.Stop()
	case p.timer == nil:
		p.timer = time.AfterFunc(time.Until(at), p.fire)
	default:
		p.timer.Reset(time.Until(at))
	}
	p.armed = at
}

// fire is what the timer's goroutine runs.
func (p *pipe) fire() {
	p.link.mu.Lock()
	defer p.link.mu.Unlock()
	p.armed = time.Time{}
	p.deliver()
}

// lose drops what has not arrived, a reset too.
func (p *pipe) lose() {
	p.ring.cut(p.ready)
	p.segments, p.first = nil, 0
	p.resetAt = time.Time{}
	p.schedule()
}

// clear drops everything.
func (p *pipe) clear() {
	p.ready = 0
	p.lose()
}
