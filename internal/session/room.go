package session

// A room is how many bytes of envelopes of one kind, or of one flow, may wait to be written. Those that wait for room are given
// it in the order in which they came. The queue's lock guards it.
type room struct {
	limit   int
	name    string // what the limit is, for people
	bytes   int    // queued or being written
	waiters []*waiter
}

// A waiter is an envelope that waits for room. done gets nil once there is room, or why there never will be: the queue has
// closed, or our bye is queued and the envelope would start something.
type waiter struct {
	buf    *buffer   // nil: it is in flow already, which is single
	size   int       // bytes of the envelope
	flow   *flow     // where it goes; nil: the urgent lane
	p      *position // as for queue.pushCall
	starts bool
	stop   <-chan struct{} // closed: it waits no longer; nil: never
	done   chan error      // has room for one
}

// has says whether need bytes may be queued now. One envelope always fits an empty room, however large.
func (r *room) has(need int) bool { return r.bytes == 0 || r.bytes+need <= r.limit }
