package session

import (
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
	maxPongs    = 4         // the oldest is dropped: the newest proves as much
	maxRefusals = 1024      // `overloaded` replies; the session ends: this peer asks and does not listen
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

// A segment is a run of envelopes, each behind its length as 4 bytes.
type segment struct {
	*buffer
	lane   lane
	frames int
	alone  bool // one large envelope, queued by reference

	refusals int // frames of it that refuse a call
}

// A place is where an envelope is in its lane. It is set and read under the queue's lock.
type place struct {
	lane lane
	seq  uint64 // among all that were ever queued there, from 1; 0: it is not queued yet
}

// A queue holds encoded envelopes on their way from many goroutines to the one that writes. Room is given to
// those that wait for it in the order they came.
type queue struct {
	limit int           // bytes of bulk that may wait
	wake  chan struct{} // has room for one; tells the sleeping writer that there is work
	crowd func() bool   // whether several calls are in flight: more envelopes are likely on their way

	mu       sync.Mutex // guards the rest
	segments [lanes][]segment
	pongs    [][]byte      // nonces, oldest first
	refusals int           // in the urgent lane
	bytes    [lanes]int    // queued or being written
	queued   [lanes]uint64 // envelopes ever queued
	taken    [lanes]uint64 // envelopes ever handed to the writer
	waiters  [lanes][]*waiter
	sleeping bool  // the writer waits on wake
	sealed   bool  // our bye is in the bulk lane: nothing new may start
	last     bool  // what is queued now is all that will be written
	err      error // not nil: closed, and why
}

// A waiter waits for room. ready is closed when it waits no more: room has been set aside for it, the queue has
// closed, or our bye is queued and it would start something.
type waiter struct {
	need    int
	starts  bool
	granted bool // room has been set aside
	ready   chan struct{}
}

func newQueue(limit int, crowd func() bool) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1), crowd: crowd}
}

// push queues an envelope that starts something, and takes buf over in any case. It waits for room until ctx
// ends: the error is a *fullError then. errDraining is returned once our bye is queued. The first 4 bytes of buf are for its length.
//
// p, if not nil, learns its envelope's place in the queue before the writer can have it.
func (q *queue) push(ctx context.Context, ln lane, buf *buffer, p *place) error {
	if err := ctx.Err(); err != nil {
		buf.release()
		return err
	}
	q.mu.Lock()
	err := q.wait(ctx, ln, len(buf.b), true)
	if err != nil {
		q.mu.Unlock()
		buf.release()
		return err
	}
	at := q.add(ln, buf)
	if p != nil {
		*p = at
	}
	q.signal()
	return nil
}

// A fullError is a context that ended while there was no room.
type fullError struct {
	err   error // the context's
	limit int   // bytes that may wait
}

func (e *fullError) Error() string { return e.err.Error() }
func (e *fullError) Unwrap() error { return e.err }

// answer queues a reply, and takes buf over. It waits for room until the queue closes: the handler whose
// reply it is keeps its place that long.
func (q *queue) answer(ln lane, buf *buffer) {
	q.mu.Lock()
	if q.wait(context.Background(), ln, len(buf.b), false) != nil {
		q.mu.Unlock()
		buf.release()
		return
	}
	q.add(ln, buf)
	q.signal()
}

// wait is called with mu held and returns with it held, once there is room for need bytes.
func (q *queue) wait(ctx context.Context, ln lane, need int, starts bool) error {
	if err := q.refuse(starts); err != nil || len(q.waiters[ln]) == 0 && q.fits(ln, need) {
		return err
	}
	w := &waiter{need: need, starts: starts, ready: make(chan struct{})}
	q.waiters[ln] = append(q.waiters[ln], w)
	q.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
	}
	q.mu.Lock()
	if q.forget(ln, w) {
		q.grant(ln) // those behind it may need less
		return &fullError{ctx.Err(), q.room(ln)}
	}
	if w.granted {
		q.bytes[ln] -= need // add counts it again
	}
	err := q.refuse(starts)
	if err != nil {
		q.grant(ln)
	}
	return err
}

// force queues an envelope that never waits, and takes buf over. What is forced is bounded by what it
// answers: see the callers.
func (q *queue) force(ln lane, buf *buffer) { q.forceAt(ln, buf, nil) }

// forceAt is force for what needs to know its place: p is as for push.
func (q *queue) forceAt(ln lane, buf *buffer, p *place) {
	q.mu.Lock()
	if q.refuse(false) != nil {
		q.mu.Unlock()
		buf.release()
		return
	}
	at := q.add(ln, buf)
	if p != nil {
		*p = at
	}
	q.signal()
}

// pong queues the answer to a ping. The nonce is copied.
func (q *queue) pong(nonce []byte) {
	q.mu.Lock()
	if q.refuse(false) != nil {
		q.mu.Unlock()
		return
	}
	if len(q.pongs) == maxPongs {
		q.pongs = append(q.pongs[:0], q.pongs[1:]...)
	}
	q.pongs = append(q.pongs, append([]byte(nil), nonce...))
	q.signal()
}

// refusal queues an `overloaded` reply, and says false if too many wait already.
func (q *queue) refusal(buf *buffer) bool {
	q.mu.Lock()
	if q.refuse(false) != nil {
		q.mu.Unlock()
		buf.release()
		return true // the session is ending anyway
	}
	if q.refusals == maxRefusals {
		q.mu.Unlock()
		buf.release()
		return false
	}
	q.add(urgent, buf)
	q.refusals++
	q.segments[urgent][len(q.segments[urgent])-1].refusals++
	q.signal()
	return true
}

// seal queues our bye behind all that was queued in bulk; nothing that starts something follows it.
func (q *queue) seal(bye *buffer) {
	q.mu.Lock()
	if q.refuse(true) != nil {
		q.mu.Unlock()
		bye.release()
		return
	}
	q.sealed = true
	for ln := range q.waiters {
		q.waiters[ln] = slices.DeleteFunc(q.waiters[ln], func(w *waiter) bool {
			if w.starts {
				close(w.ready) // another session may serve: it need not wait for this one's room
			}
			return w.starts
		})
		q.grant(lane(ln))
	}
	q.add(bulk, bye)
	q.signal()
}

// finish drops what waits, queues bye if there is one, and closes: the writer writes that and ends.
func (q *queue) finish(bye *buffer, err error) {
	q.mu.Lock()
	if q.err != nil {
		q.mu.Unlock()
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
	q.close(err)
}

// close is called with mu held, and releases it.
func (q *queue) close(err error) {
	q.err, q.last = err, true
	for ln := range q.waiters {
		for _, w := range q.waiters[ln] {
			close(w.ready)
		}
		q.waiters[ln] = nil
	}
	q.signal()
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

// empty says whether nothing waits and nothing is being written.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes == [lanes]int{} && len(q.pongs) == 0
}

// written says whether the envelope at p has been handed to the writer, and so may have left.
func (q *queue) written(p *place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.seq != 0 && p.seq <= q.taken[p.lane]
}

// take moves what fits one write to batch, waiting until there is something. It says false when there will be
// nothing more.
func (q *queue) take(batch []segment) ([]segment, bool) {
	q.mu.Lock()
	for len(q.segments[urgent]) == 0 && len(q.segments[bulk]) == 0 && len(q.pongs) == 0 {
		if q.last {
			q.mu.Unlock()
			return batch, false
		}
		q.sleeping = true
		q.mu.Unlock()
		<-q.wake
		q.mu.Lock()
	}
	if !q.last && q.crowd() {
		// Let those that can run append to this batch first. This alone saves most writes.
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
	if len(q.pongs) > 0 {
		for _, nonce := range q.pongs {
			q.addSmall(urgent, envelope.Msgpack.AppendPong(make([]byte, frame.HeaderSize, 80), nonce))
		}
		q.pongs = q.pongs[:0]
	}
	size := 0
	for ln := range q.segments {
		n := 0
		for _, s := range q.segments[ln] {
			if size > 0 && size+len(s.b) > flushBytes {
				break
			}
			batch = append(batch, s)
			size += len(s.b)
			q.taken[ln] += uint64(s.frames)
			q.refusals -= s.refusals
			n++
		}
		rest := copy(q.segments[ln], q.segments[ln][n:])
		clear(q.segments[ln][rest:])
		q.segments[ln] = q.segments[ln][:rest]
	}
	q.mu.Unlock()
	return batch, true
}

// wrote gives back the room that batch took, and its buffers.
func (q *queue) wrote(batch []segment) {
	q.mu.Lock()
	for _, s := range batch {
		q.bytes[s.lane] -= len(s.b)
	}
	for ln := range q.waiters {
		q.grant(lane(ln))
	}
	q.mu.Unlock()
	for i, s := range batch {
		s.release()
		batch[i] = segment{}
	}
}

// The rest is called with mu held.

func (q *queue) refuse(starts bool) error {
	if q.err != nil {
		return q.err
	}
	if starts && q.sealed {
		return errDraining
	}
	return nil
}

func (q *queue) room(ln lane) int {
	if ln == urgent {
		return urgentRoom
	}
	return q.limit
}

// fits says whether an envelope may be queued now. One always fits an empty lane, however large.
func (q *queue) fits(ln lane, need int) bool {
	return q.bytes[ln] == 0 || q.bytes[ln]+need <= q.room(ln)
}

// grant sets room aside for those that wait, in order.
func (q *queue) grant(ln lane) {
	for len(q.waiters[ln]) > 0 && q.fits(ln, q.waiters[ln][0].need) {
		w := q.waiters[ln][0]
		q.waiters[ln] = q.waiters[ln][1:]
		q.bytes[ln] += w.need
		w.granted = true
		close(w.ready)
	}
}

// forget takes w off the list, and says false if it was no longer on it.
func (q *queue) forget(ln lane, w *waiter) bool {
	for i, other := range q.waiters[ln] {
		if other == w {
			q.waiters[ln] = append(q.waiters[ln][:i], q.waiters[ln][i+1:]...)
			return true
		}
	}
	return false
}

// add takes buf over, and returns where its envelope is.
func (q *queue) add(ln lane, buf *buffer) place {
	if len(buf.b) <= copyBytes {
		q.addSmall(ln, buf.b)
		buf.release()
	} else {
		binary.BigEndian.PutUint32(buf.b, uint32(len(buf.b)-frame.HeaderSize))
		q.bytes[ln] += len(buf.b)
		q.segments[ln] = append(q.segments[ln], segment{buffer: buf, lane: ln, frames: 1, alone: true})
		q.queued[ln]++
	}
	return place{ln, q.queued[ln]}
}

// addSmall copies b, whose first 4 bytes are for its length.
func (q *queue) addSmall(ln lane, b []byte) {
	binary.BigEndian.PutUint32(b, uint32(len(b)-frame.HeaderSize))
	q.bytes[ln] += len(b)
	segs := q.segments[ln]
	if n := len(segs); n == 0 || segs[n-1].alone || len(segs[n-1].b)+len(b) > smallBuffer {
		segs = append(segs, segment{buffer: newBuffer(len(b)), lane: ln})
		q.segments[ln] = segs
	}
	s := &segs[len(segs)-1]
	s.b = append(s.b, b...)
	s.frames++
	q.queued[ln]++
}

// signal wakes the writer, and releases mu.
func (q *queue) signal() {
	wake := q.sleeping
	q.sleeping = false
	q.mu.Unlock()
	if wake {
		q.wake <- struct{}{}
	}
}
