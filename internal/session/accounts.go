package session

import "slices"

// The methods of a queue in this file keep its accounts. They are called with mu held.

// hasWork says whether something may be written now.
func (q *queue) hasWork() bool { return q.turns.hasWork() || len(q.pongs) > 0 }

// wake starts the writer if it rests and there is something to do.
func (q *queue) wake() {
	if q.isResting && (q.hasWork() || q.err != nil) {
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

// hasLeft says whether the envelope at p has been handed to the writer, all of it.
func (q *queue) hasLeft(p *position) bool {
	if p.flow != nil {
		return p.flow.use != p.seq || p.flow.done // a flow that is used again has left before
	}
	return p.seq != 0 && p.seq <= q.turns.taken
}

// isWaiting says whether the envelope at p is queued and its last byte has not left.
func (q *queue) isWaiting(p *position) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.seq != 0 && !q.hasLeft(p)
}

// put queues an envelope unless closed says why not, or its flow was dropped, and takes its buffer over. It returns why it was
// not queued.
func (q *queue) put(closed error, r *room, w *waiter) error {
	if closed == nil && w.flow != nil && w.flow.gone {
		closed = errDropped
	}
	switch {
	case closed != nil:
		w.buf.release()
	case w.flow != nil:
		q.use(r, len(w.buf.b))
		if w.starts {
			q.starting++
		}
		q.turns.addTo(w.flow, w.buf)
		q.wake()
	default:
		q.add(r, w.buf)
		if w.p != nil {
			*w.p = position{seq: q.turns.queued}
		}
	}
	return closed
}

// add queues an urgent envelope, and returns its segment.
func (q *queue) add(r *room, buf *buffer) *segment {
	size := len(buf.b)
	q.use(r, size)
	s := q.turns.add(buf)
	if r == &q.calls {
		s.calls += size
	}
	q.wake()
	return s
}

// accept gives a single flow room. Its goroutine, if it waits, waits no more.
func (q *queue) accept(f *flow, size int) {
	f.counted = size
	q.use(f.room, size)
	if f.starts {
		q.starting++
	}
	if w := f.waiter; w != nil {
		f.waiter = nil
		w.done <- nil
	}
}

// grant gives room to those that wait for it, in order, while there is some.
func (q *queue) grant(r *room) {
	for len(r.waiters) > 0 && r.has(r.waiters[0].size) {
		w := r.waiters[0]
		q.remove(r, w)
		if w.buf == nil {
			q.accept(w.flow, w.size)
		} else {
			w.done <- q.put(nil, r, w)
		}
	}
}

// remove takes a waiter out of its room.
func (q *queue) remove(r *room, w *waiter) {
	i := slices.Index(r.waiters, w)
	if r.waiters = slices.Delete(r.waiters, i, i+1); len(r.waiters) == 0 {
		i = slices.Index(q.crowded, r)
		q.crowded = slices.Delete(q.crowded, i, i+1)
	}
}

// endWaits ends the waits for what is not taken any more, and those for which there is room.
func (q *queue) endWaits() {
	for _, r := range slices.Clone(q.crowded) {
		for _, w := range slices.Clone(r.waiters) {
			if closed := q.closedFor(w.starts); closed != nil {
				q.remove(r, w)
				q.discard(w)
				w.done <- closed
			}
		}
		q.grant(r)
	}
}

// discard drops the envelope of a waiter that has been removed.
func (q *queue) discard(w *waiter) {
	if w.buf != nil {
		w.buf.release()
		return
	}
	w.flow.waiter = nil
	q.drop(w.flow)
}

// drop drops what waits in f. Room that comes back is granted by the caller.
func (q *queue) drop(f *flow) {
	n, size := 0, 0
	for i := range f.envelopes {
		n += f.envelopes[i].frames
		size += len(f.envelopes[i].b)
	}
	if f.single {
		size = f.counted
		if f.counted = 0; size == 0 {
			n = 0
		}
	}
	q.free(f.room, size)
	q.turns.drop(f)
	q.tellWritten(f)
	if f.starts {
		q.starting -= n
		q.sayBye()
	}
	q.recycle(f)
	q.wake() // a chain may have to be abandoned
}

// recycle keeps a single flow of which nothing is left for its next use.
func (q *queue) recycle(f *flow) {
	if f.single && f.list == nil && f.writing == 0 && q.err == nil {
		*f = flow{queue: q, single: true, use: f.use + 1}
		q.spare = f
	}
}

// hand takes note that the writer has a segment of a flow.
func (q *queue) hand(s *segment) {
	f := s.flow
	if w := f.waiter; w != nil && f.early {
		q.remove(f.room, w)
		q.accept(f, w.size)
	}
	if s.ends && s.buffer != nil && f.starts {
		q.starting -= s.frames
		q.sayBye()
	}
}

// releaseTurn takes note that the writer has written a segment of a flow.
func (q *queue) releaseTurn(s *segment) {
	f := s.flow
	f.writing--
	switch {
	case s.buffer == nil || !s.ends:
	case !f.single:
		q.free(f.room, len(s.b))
		q.tellWritten(f)
	default:
		q.free(f.room, f.counted)
		if w := f.waiter; w != nil { // of a reply, which never had room
			f.waiter = nil
			q.remove(f.room, w)
			w.done <- nil
		}
	}
	if f.writing == 0 && f.dropped != nil {
		f.dropped.release()
		f.dropped = nil
	}
	q.recycle(f)
}

// tellWritten tells those that wait until nothing of f is left, if nothing is.
func (q *queue) tellWritten(f *flow) {
	if len(q.awaited) == 0 || q.err == nil && f.own.bytes > 0 {
		return
	}
	told := q.awaited[f]
	delete(q.awaited, f)
	for _, do := range told {
		do()
	}
}

// sayBye queues our bye once every call and send that was begun has left.
func (q *queue) sayBye() {
	if q.bye != nil && q.starting == 0 {
		bye := q.bye
		q.bye = nil
		q.add(&q.replies, bye)
	}
}

func (q *queue) use(r *room, n int) {
	r.bytes += n
	q.bytes += n
}

func (q *queue) free(r *room, n int) {
	r.bytes -= n
	q.bytes -= n
}
