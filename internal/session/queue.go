package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// What waits to be written is bounded (wire.md §9); beside each bound stands what happens when it is full.
const (
	maxPongs    = 4         // at the limit the oldest is dropped; the newest also proves liveness
	maxRefusals = 1024      // error replies (`overloaded`, `deadline`); one more ends the session: the peer calls and does not read
	urgentRoom  = 256 << 10 // bytes of small replies; their handlers wait
	flushBytes  = 256 << 10 // plaintext bytes sealed for one write, or one frame if that is larger
	copyBytes   = 16 << 10  // an envelope up to this is copied to its neighbours, a larger one queued by reference
)

// A lane is one of the two orders in which envelopes leave.
type lane uint8

const (
	urgent lane = iota // byes that end a session, pings, small replies: never behind bulk
	bulk               // calls, sends, cancels, large replies, byes that end nothing: in the order queued
	lanes
)

// limitNames says what the limit of a lane is, for people.
var limitNames = [lanes]string{"pings and small replies", "Limits.QueueBytes"}

// A segment is a run of envelopes, each behind its length as 4 bytes.
type segment struct {
	*buffer
	lane   lane
	frames int
	alone  bool // one large envelope, queued by reference

	refusals int // frames of it that refuse a call
}

// A position is where an envelope is in its lane. It is set and read under the queue's lock.
type position struct {
	lane lane
	seq  uint64 // among all that were ever queued there, from 1; 0: it is not queued yet
}

// A queue holds encoded envelopes on their way from many goroutines to the writer. Room is given to waiters in the order
// in which they came.
type queue struct {
	limits    [lanes]int     // bytes that may wait
	codec     envelope.Codec // of pongs; set before the writer runs
	isCrowded func() bool    // whether several calls are in flight: more envelopes are likely on their way

	mu         sync.Mutex // guards the rest
	start      func()     // starts the writer; it does not block
	isResting  bool       // the writer does not run, and what is queued next starts it
	segments   [lanes][]segment
	pongs      [][]byte      // nonces, oldest first
	refusals   int           // in the urgent lane
	bytes      [lanes]int    // queued or being written
	queued     [lanes]uint64 // envelopes ever queued
	taken      [lanes]uint64 // envelopes ever handed to the writer
	waiters    [lanes][]*waiter
	halfClosed bool  // our bye is in the bulk lane: nothing new may start
	err        error // not nil: closed, and why; what is queued now is all that will be written
}

// A waiter is an envelope that waits for room. done gets nil once the envelope is queued, or why it never will be: the queue
// has closed, or our bye is queued and the envelope would start something.
type waiter struct {
	buf    *buffer
	p      *position // as for push
	starts bool
	done   chan error // has room for one
}

// A turn is what the writer does after take.
type turn uint8

const (
	writes turn = iota // what was taken
	rests              // nothing waits
	ends               // nothing will ever come
)

func newQueue(limit int, isCrowded func() bool) *queue {
	return &queue{codec: envelope.Msgpack, limits: [lanes]int{urgentRoom, limit}, isCrowded: isCrowded}
}

// push queues an envelope that starts something, and takes buf over in any case. It waits for room until ctx
// ends: the error is an *AbandonedError then. It returns errDraining once our bye is queued. The first 4 bytes of buf are for
// its length.
//
// p, if not nil, is told the envelope's position before the writer can have the envelope.
func (q *queue) push(ctx context.Context, ln lane, buf *buffer, p *position) error {
	if err := ctx.Err(); err != nil {
		buf.release()
		return &AbandonedError{Err: err}
	}
	return q.pushInTurn(ctx, ln, buf, p, true)
}

// pushReply queues a reply, and takes buf over. It waits for room until the queue closes: meanwhile the handler that
// replies counts among those that run.
func (q *queue) pushReply(ln lane, buf *buffer) {
	_ = q.pushInTurn(context.Background(), ln, buf, nil, false)
}

// pushInTurn queues an envelope behind those that wait for room, once there is room for it, and takes buf over.
func (q *queue) pushInTurn(ctx context.Context, ln lane, buf *buffer, p *position, starts bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	closed := q.closedFor(starts)
	if closed != nil || len(q.waiters[ln]) == 0 && q.hasRoom(ln, len(buf.b)) {
		return q.put(closed, ln, buf, p)
	}
	w := &waiter{buf: buf, p: p, starts: starts, done: make(chan error, 1)}
	q.waiters[ln] = append(q.waiters[ln], w)
	q.mu.Unlock()
	select {
	case err := <-w.done:
		q.mu.Lock()
		return err
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.waiters[ln], w)
	if i < 0 {
		return <-w.done // it came in the same moment
	}
	q.waiters[ln] = slices.Delete(q.waiters[ln], i, i+1)
	buf.release()
	q.grantRoom(ln) // those behind it may need less
	return &AbandonedError{Err: ctx.Err(), Full: q.limits[ln], Limit: limitNames[ln]}
}

// force queues an envelope without waiting for room, and takes buf over. Forced envelopes are bounded by what they
// answer: see the callers. p is as for push.
func (q *queue) force(ln lane, buf *buffer, p *position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_ = q.put(q.closedFor(false), ln, buf, p)
}

// pushPong queues the answer to a ping. The nonce is copied.
func (q *queue) pushPong(nonce []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return
	}
	if len(q.pongs) == maxPongs {
		q.pongs = append(q.pongs[:0], q.pongs[1:]...)
	}
	q.pongs = append(q.pongs, bytes.Clone(nonce))
	q.wake()
}

// pushRefusal queues an error reply (`overloaded` or `deadline`). It returns false if too many wait already.
func (q *queue) pushRefusal(buf *buffer) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || q.refusals == maxRefusals {
		buf.release()
		return q.err != nil // the session is ending anyway
	}
	q.add(urgent, buf)
	q.refusals++
	q.segments[urgent][len(q.segments[urgent])-1].refusals++
	return true
}

// halfClose queues our bye, if there is one, behind all that was queued in bulk. Nothing that starts something follows it.
func (q *queue) halfClose(bye *buffer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	closed := q.closedFor(true)
	q.halfClosed = true
	q.endWaits() // another session may serve: they need not wait for this one's room
	if bye != nil {
		_ = q.put(closed, bulk, bye, nil)
	}
}

// finish drops what waits, queues bye if there is one, and closes: the writer writes that and ends.
func (q *queue) finish(bye *buffer, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		if bye != nil {
			bye.release()
		}
		return
	}
	for ln := range q.segments {
		for _, s := range q.segments[ln] {
			s.release()
		}
		q.segments[ln] = nil
	}
	q.pongs = nil
	if bye != nil {
		q.add(urgent, bye)
	}
	q.err = err
	q.endWaits()
	q.wake()
}

// size returns how many bytes are queued or being written.
func (q *queue) size() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.bytes {
		n += b
	}
	return n
}

// isEmpty says whether nothing waits and nothing is being written.
func (q *queue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes == [lanes]int{} && len(q.pongs) == 0
}

// isTaken says whether the envelope at p has been handed to the writer, and so may have left.
func (q *queue) isTaken(p *position) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.seq != 0 && p.seq <= q.taken[p.lane]
}

// startWriter has start start the writer, now if something waits, and whenever it rests and something is queued.
func (q *queue) startWriter(start func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.start, q.isResting = start, true
	if q.err != nil || q.waits() {
		q.wake()
	}
}

// take appends what fits one write to segments, and says what the writer does next.
func (q *queue) take(segments []segment) ([]segment, turn) {
	q.mu.Lock()
	if !q.waits() {
		defer q.mu.Unlock()
		if q.err != nil {
			return segments, ends
		}
		q.isResting = true
		return segments, rests
	}
	if q.err == nil && q.isCrowded() {
		// Goroutines that can run append to these segments first. This alone saves most writes.
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
	for _, nonce := range q.pongs {
		buf := newEnvelope(nil)
		buf.b = q.codec.AppendPong(buf.b, nonce)
		q.add(urgent, buf)
	}
	q.pongs = q.pongs[:0]
	size := 0
	for ln := range q.segments {
		n := 0
		for _, s := range q.segments[ln] {
			if size > 0 && size+len(s.b) > flushBytes {
				break
			}
			segments = append(segments, s)
			size += len(s.b)
			q.taken[ln] += uint64(s.frames)
			q.refusals -= s.refusals
			n++
		}
		q.segments[ln] = slices.Delete(q.segments[ln], 0, n)
		if len(q.segments[ln]) > 0 {
			break // bulk must not overtake what is urgent and found no room
		}
	}
	q.mu.Unlock()
	return segments, writes
}

// release gives back the room that segments took, and its buffers.
func (q *queue) release(segments []segment) {
	q.mu.Lock()
	for _, s := range segments {
		q.bytes[s.lane] -= len(s.b)
	}
	for ln := range q.waiters {
		q.grantRoom(lane(ln))
	}
	q.mu.Unlock()
	for i, s := range segments {
		s.release()
		segments[i] = segment{}
	}
}

// The rest is called with mu held.

// waits says whether something waits to be written.
func (q *queue) waits() bool {
	return len(q.segments[urgent])+len(q.segments[bulk])+len(q.pongs) > 0
}

// wake starts the writer if it rests.
func (q *queue) wake() {
	if q.isResting {
		q.isResting = false
		q.start()
	}
}

// closedFor returns why no envelope is taken any more, or none that starts something; nil: one is.
func (q *queue) closedFor(starts bool) error {
	if q.err == nil && starts && q.halfClosed {
		return errDraining
	}
	return q.err
}

// hasRoom says whether an envelope may be queued now. One always fits an empty lane, however large.
func (q *queue) hasRoom(ln lane, need int) bool {
	return q.bytes[ln] == 0 || q.bytes[ln]+need <= q.limits[ln]
}

// endWaits ends the waits for what is not taken any more, and those for which there is room.
func (q *queue) endWaits() {
	for ln := range q.waiters {
		q.waiters[ln] = slices.DeleteFunc(q.waiters[ln], func(w *waiter) bool {
			closed := q.closedFor(w.starts)
			if closed != nil {
				w.buf.release()
				w.done <- closed
			}
			return closed != nil
		})
		q.grantRoom(lane(ln))
	}
}

// grantRoom queues the envelopes that wait and for which there is room, in order.
func (q *queue) grantRoom(ln lane) {
	for len(q.waiters[ln]) > 0 && q.hasRoom(ln, len(q.waiters[ln][0].buf.b)) {
		w := q.waiters[ln][0]
		q.waiters[ln] = q.waiters[ln][1:]
		w.done <- q.put(nil, ln, w.buf, w.p)
	}
}

// put queues an envelope unless closed says why not, and takes buf over. It returns closed.
func (q *queue) put(closed error, ln lane, buf *buffer, p *position) error {
	if closed != nil {
		buf.release()
		return closed
	}
	q.add(ln, buf)
	if p != nil {
		*p = position{ln, q.queued[ln]}
	}
	return nil
}

// add takes buf over, whose first 4 bytes are for its length, and tells the writer.
func (q *queue) add(ln lane, buf *buffer) {
	size := len(buf.b)
	binary.BigEndian.PutUint32(buf.b, uint32(size-frame.HeaderSize))
	q.bytes[ln] += size
	q.queued[ln]++
	q.wake()
	segs := q.segments[ln]
	if size > copyBytes {
		q.segments[ln] = append(segs, segment{buffer: buf, lane: ln, frames: 1, alone: true})
		return
	}
	if n := len(segs); n == 0 || segs[n-1].alone || len(segs[n-1].b)+size > smallBuffer {
		segs = append(segs, segment{buffer: newBuffer(size), lane: ln})
		q.segments[ln] = segs
	}
	s := &segs[len(segs)-1]
	s.b = append(s.b, buf.b...)
	s.frames++
	buf.release()
}
