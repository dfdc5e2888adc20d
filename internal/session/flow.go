package session

import (
	"context"
	"errors"
)

// errDropped is the error of a push into a flow that was dropped.
var errDropped = errors.New("nothing more is sent here")

// A flow is envelopes that leave in the order in which they were pushed. Flows take turns: see turns. The sends of a session
// are one, each direction of a stream is one, and so is each large call and each large reply, for itself: those are single.
// A flow with nothing to send costs no turn. The queue's lock guards it.
type flow struct {
	queue  *queue
	room   *room // where its bytes count
	own    room  // unless it shares one
	starts bool  // its envelopes start something: our bye follows them
	gone   bool  // it was dropped and takes nothing more

	envelopes []segment // in order; of the first, parts may have left
	off       int       // where what has not left of the first begins; 0: it is whole
	chain     uint64    // that the first goes in; 0: it goes in none yet
	size      int       // bytes of the envelope that the chain is for
	abandoned bool      // the chain is to be abandoned, in the next turn
	writing   int       // segments that the writer has
	dropped   *buffer   // that the writer has and nobody else wants

	// Of a single flow.
	single  bool
	only    [1]segment // its envelopes
	counted int        // bytes that count in the room; 0: none do, as it waits for room
	waiter  *waiter    // that waits for room; nil: none
	early   bool       // the waiter need not wait any more once a part has left
	done    bool       // the last byte has been handed to the writer
	use     uint64     // counts the uses of this flow, from 1

	list       *flowList // that it is in; nil: none
	prev, next *flow
}

// newFlow returns a flow in which up to limit bytes may wait. name is what the limit is, for people.
func (q *queue) newFlow(limit int, name string) *flow {
	f := &flow{queue: q, own: room{limit: limit, name: name}}
	f.room = &f.own
	return f
}

// push queues an envelope behind what f has, and takes buf over in any case. It waits for room in f until ctx ends: the error is
// an *AbandonedError then. The first 4 bytes of buf are for its length.
func (f *flow) push(ctx context.Context, buf *buffer) error {
	return f.queue.pushInTurn(ctx, f.room, waiter{buf: buf, flow: f, starts: f.starts})
}

// pushUntil is push, but it also stops to wait when stop is closed: the error is an *AbandonedError then, too.
func (f *flow) pushUntil(ctx context.Context, stop <-chan struct{}, buf *buffer) error {
	return f.queue.pushInTurn(ctx, f.room, waiter{buf: buf, flow: f, starts: f.starts, stop: stop})
}

// force queues an envelope behind what f has without waiting for room, and takes buf over. Forced envelopes are bounded by
// what they answer: see the callers.
func (f *flow) force(buf *buffer) {
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	_ = f.queue.put(f.queue.closedFor(false), f.room, &waiter{buf: buf, flow: f, starts: f.starts})
}

// drop drops what waits in f, and takes nothing more: pushes fail with errDropped, those that wait for room too. An envelope of
// which parts have left is abandoned: the peer forgets it.
func (f *flow) drop() {
	q := f.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	f.gone = true
	for len(f.own.waiters) > 0 {
		w := f.own.waiters[0]
		q.remove(&f.own, w)
		q.discard(w)
		w.done <- errDropped
	}
	q.drop(f)
}

// setLimit sets how many bytes may wait in a flow that has room of its own.
func (f *flow) setLimit(limit int) {
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	f.own.limit = limit
}

// has says whether an envelope of size bytes fits within the limit beside what waits in f.
func (f *flow) has(size int) bool {
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	return f.own.bytes+size <= f.own.limit
}

// whenWritten has do called once nothing of f is queued or being written any more, or the queue has closed: now, if so. do is
// called with the queue's lock held.
func (f *flow) whenWritten(do func()) {
	q := f.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || f.own.bytes == 0 {
		do()
		return
	}
	if q.awaited == nil {
		q.awaited = make(map[*flow][]func())
	}
	q.awaited[f] = append(q.awaited[f], do)
}

// awaitWritten waits until nothing of f is queued or being written any more, or the queue has closed.
func (f *flow) awaitWritten() {
	written := make(chan struct{})
	f.whenWritten(func() { close(written) })
	<-written
}

// takeBack drops the envelope of size bytes that waits in f, if f has that alone and its last byte has not been handed to the
// writer. It returns whether it has: the peer never gets the envelope then.
func (f *flow) takeBack(size int) bool {
	q := f.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || f.gone || f.own.bytes != size || len(f.envelopes) == 0 {
		return false
	}
	q.drop(f)
	return true
}

// A flowList is flows in order. A flow is in one list at most.
type flowList struct{ first, last *flow }

func (l *flowList) push(f *flow) {
	f.list, f.prev, f.next = l, l.last, nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

// remove takes f out of the list that it is in, if it is in one.
func (f *flow) remove() {
	l := f.list
	if l == nil {
		return
	}
	if f.prev == nil {
		l.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		l.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.list, f.prev, f.next = nil, nil, nil
}
