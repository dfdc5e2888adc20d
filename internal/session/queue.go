package session

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// What waits to be written is bounded (wire.md §9); beside each bound stands what happens when it is full.
const (
	maxPongs    = 4         // at the limit the oldest is dropped; the newest also proves liveness
	maxRefusals = 1024      // error replies (`overloaded`, `deadline`); one more ends the session: the peer calls and does not read
	urgentRoom  = 256 << 10 // bytes of small replies; their handlers wait
)

// limitName is the limit of most rooms, for people.
const limitName = "Limits.QueueBytes"

// A queue holds encoded envelopes on their way from many goroutines to the writer. Each kind of them, and each flow, has room of
// its own, so that none waits for room that another has.
type queue struct {
	codec     envelope.Codec // of pongs; set before the writer runs
	isCrowded func() bool    // whether several calls are in flight: more envelopes are likely on their way

	mu           sync.Mutex // guards the rest
	start        func()     // starts the writer; it does not block
	isResting    bool       // the writer does not run, and what is queued next starts it
	turns        turns
	pongs        [][]byte // nonces, oldest first
	refusals     int      // in the urgent lane
	mostRefusals int      // maxRefusals, or fewer
	spare        *flow    // for the next single one

	replies      room    // pings and small replies: callers and handlers wait
	calls        room    // small calls: callers wait
	largeCalls   room    // their callers wait, but a call that waits has turns like any other
	largeReplies room    // likewise: their handlers wait
	sends        *flow   // made with the first send: many a session has none
	bytes        int     // in all rooms
	crowded      []*room // in which somebody waits

	awaited map[*flow][]func() // see flow.whenWritten

	starting   int     // envelopes of flows that start something and have not left
	halfClosed bool    // our bye is queued: nothing new may start
	bye        *buffer // our bye, while it waits for starting
	err        error   // not nil: closed, and why; what is queued now is all that will be written
}

// A step is what the writer does after take.
type step uint8

const (
	writes step = iota // what was taken
	rests              // nothing waits
	ends               // nothing will ever come
)

// A position is where an envelope is in the queue. It is set and read under the queue's lock.
type position struct {
	flow *flow  // of a large envelope
	seq  uint64 // the flow's use, or the number among all urgent ones, from 1; 0: it is not queued yet
}

func newQueue(limit int, isCrowded func() bool) *queue {
	bulk := room{limit: limit, name: limitName}
	return &queue{codec: envelope.Msgpack, isCrowded: isCrowded, mostRefusals: maxRefusals, replies: room{limit: urgentRoom, name: "pings and small replies"},
		calls: bulk, largeCalls: bulk, largeReplies: bulk}
}

// pushCall queues a call, and takes buf over in any case. It waits for room until ctx ends: the error is an *AbandonedError
// then. It returns errDraining once our bye is queued. The first 4 bytes of buf are for its length.
//
// p is told the envelope's position before the writer can have the envelope.
func (q *queue) pushCall(ctx context.Context, buf *buffer, p *position) error {
	if len(buf.b) > copyBytes {
		return q.pushSingle(ctx, &q.largeCalls, waiter{buf: buf, p: p, starts: true})
	}
	return q.pushInTurn(ctx, &q.calls, waiter{buf: buf, p: p, starts: true})
}

// pushSend queues a send, as pushCall does.
func (q *queue) pushSend(ctx context.Context, buf *buffer) error {
	return q.flowOfSends().push(ctx, buf)
}

// flowOfSends returns the flow of the session's sends.
func (q *queue) flowOfSends() *flow {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sends == nil {
		q.sends = q.newFlow(q.calls.limit, limitName)
		q.sends.starts = true
	}
	return q.sends
}

// pushPing queues a ping, as pushCall does. It is not refused after our bye.
func (q *queue) pushPing(ctx context.Context, buf *buffer, p *position) error {
	return q.pushInTurn(ctx, &q.replies, waiter{buf: buf, p: p})
}

// pushReply queues a reply, and takes buf over. It waits for room until the queue closes: meanwhile the handler that
// replies counts among those that run.
func (q *queue) pushReply(buf *buffer) {
	if len(buf.b) > copyBytes {
		_ = q.pushSingle(context.Background(), &q.largeReplies, waiter{buf: buf})
	} else {
		_ = q.pushInTurn(context.Background(), &q.replies, waiter{buf: buf})
	}
}

// pushInTurn queues an envelope behind those that wait for the same room, once there is room for it.
func (q *queue) pushInTurn(ctx context.Context, r *room, w waiter) error {
	if err := ctx.Err(); err != nil {
		w.buf.release()
		return &AbandonedError{Err: err}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	w.size = len(w.buf.b)
	closed := q.closedFor(w.starts)
	if closed != nil || len(r.waiters) == 0 && r.has(w.size) {
		return q.put(closed, r, &w)
	}
	return q.wait(ctx, r, w)
}

// pushSingle queues a large envelope in a flow of its own. It has its turns from now on, also while it waits for room: so it waits
// for no other flow. What waiting bounds is the memory of envelopes whose goroutines do not wait any more.
func (q *queue) pushSingle(ctx context.Context, r *room, w waiter) error {
	if err := ctx.Err(); err != nil {
		w.buf.release()
		return &AbandonedError{Err: err}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if closed := q.closedFor(w.starts); closed != nil {
		w.buf.release()
		return closed
	}
	f := q.spare
	if q.spare = nil; f == nil {
		f = &flow{queue: q, single: true, use: 1}
	}
	f.room, f.starts, f.early = r, w.starts, w.starts
	if w.p != nil {
		*w.p = position{f, f.use}
	}
	w.size, w.flow = len(w.buf.b), f
	q.turns.addTo(f, w.buf)
	q.wake()
	if len(r.waiters) == 0 && r.has(w.size) {
		q.accept(f, w.size)
		return nil
	}
	w.buf = nil
	return q.wait(ctx, r, w)
}

// wait waits until from is given room, ctx ends, or its stop is closed. It is called with mu held, and lets go of it meanwhile.
func (q *queue) wait(ctx context.Context, r *room, from waiter) error {
	w := &from
	w.done = make(chan error, 1)
	if w.buf == nil {
		w.flow.waiter = w
	}
	if r.waiters = append(r.waiters, w); len(r.waiters) == 1 {
		q.crowded = append(q.crowded, r)
	}
	q.mu.Unlock()
	err := errDropped
	select {
	case err := <-w.done:
		q.mu.Lock()
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-w.stop:
	}
	q.mu.Lock()
	if !slices.Contains(r.waiters, w) {
		return <-w.done // it came in the same moment
	}
	q.remove(r, w)
	q.discard(w)
	q.grant(r) // those behind it may need less
	return &AbandonedError{Err: err, Full: r.limit, Limit: r.name}
}

// force queues an urgent envelope without waiting for room, and takes buf over. Forced envelopes are bounded by what they
// answer: see the callers. p, if not nil, is as for pushCall.
func (q *queue) force(buf *buffer, p *position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_ = q.put(q.closedFor(false), &q.replies, &waiter{buf: buf, p: p})
}

// cancel takes the call at p back if its last byte has not left, and returns true: it was never sent. Else it queues buf, its
// cancel, behind it, unless buf is nil: not every peer knows cancels. It takes buf over.
func (q *queue) cancel(p *position, buf *buffer) (unsent bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && p.flow != nil && !q.hasLeft(p) {
		if buf != nil {
			buf.release()
		}
		r := p.flow.room
		q.drop(p.flow)
		q.grant(r)
		return true
	}
	if buf != nil {
		_ = q.put(q.closedFor(false), &q.replies, &waiter{buf: buf})
	}
	return false
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
	if q.err != nil || q.refusals == q.mostRefusals {
		buf.release()
		return q.err != nil // the session is ending anyway
	}
	q.add(&q.replies, buf).refusals++
	q.refusals++
	return true
}

// halfClose queues our bye, if there is one, behind every call and send that was begun. Nothing that starts something follows it.
func (q *queue) halfClose(bye *buffer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	closed := q.closedFor(true)
	q.halfClosed = true
	q.endWaits() // another session may serve: they need not wait for this one's room
	if bye != nil && closed == nil {
		q.bye = bye
		q.sayBye()
	} else if bye != nil {
		bye.release()
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
	q.turns.clear()
	q.pongs = nil
	if q.bye != nil {
		q.bye.release()
		q.bye = nil
	}
	if bye != nil {
		q.add(&q.replies, bye)
	}
	q.err = err
	for f := range q.awaited {
		q.tellWritten(f)
	}
	q.endWaits()
	q.wake()
}

// setPeer is told what the peer takes in parts.
func (q *queue) setPeer(l PartLimits) {
	q.mu.Lock()
	q.turns.peer = l
	q.mu.Unlock()
}

// size returns how many bytes are queued or being written.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// isEmpty says whether nothing waits and nothing is being written.
func (q *queue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes == 0 && len(q.pongs) == 0 && q.bye == nil && q.turns.isEmpty()
}

// isTaken says whether the envelope at p has been handed to the writer, and so may have left.
func (q *queue) isTaken(p *position) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.hasLeft(p)
}

// startWriter has start start the writer, now if something waits, and whenever it rests and something is queued.
func (q *queue) startWriter(start func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.start, q.isResting = start, true
	if q.err != nil || q.hasWork() {
		q.wake()
	}
}

// take appends what fits one write to segments, of flows at most bulk bytes, or one turn. It says what the writer does next.
func (q *queue) take(segments []segment, bulk int) ([]segment, step) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.hasWork() {
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
		q.add(&q.replies, buf)
	}
	q.pongs = q.pongs[:0]
	n := len(segments)
	segments = q.turns.next(segments, bulk)
	for i := range segments[n:] {
		s := &segments[n+i]
		q.refusals -= s.refusals
		if s.flow != nil {
			q.hand(s)
		}
	}
	return segments, writes
}

// release gives back the room that segments took, and its buffers.
func (q *queue) release(segments []segment) {
	q.mu.Lock()
	for i := range segments {
		s := &segments[i]
		if s.flow != nil {
			q.releaseTurn(s)
			continue
		}
		q.free(&q.calls, s.calls)
		q.free(&q.replies, len(s.b)-s.calls)
	}
	for _, r := range slices.Clone(q.crowded) {
		q.grant(r)
	}
	q.mu.Unlock()
	for i, s := range segments {
		if s.ends && s.buffer != nil {
			s.release()
		}
		segments[i] = segment{}
	}
}
