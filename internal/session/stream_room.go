package session

import "context"

// What values may wait in the queue of one stream, in bytes of their envelopes. It is reserved as the windows are, within three
// quarters of Config.StreamBytes: windows that have grown take half, and streams that open need some. What finds no room waits in
// the goroutine that sends it.
const (
	firstRoom = 8 << 10
	mostRoom  = 128 << 10 // or one value, if that is larger
)

// makeRoom reserves more room if a value whose envelope has size bytes would have to wait for some, unless the other streams have
// too much. It is called with mu and the turn held.
func (s *Stream) makeRoom(size int) {
	out, l := &s.out, s.link
	if out.room >= max(mostRoom, size) || s.flow.has(size) {
		return
	}
	room := max(firstRoom, size, min(2*max(out.room, size), mostRoom))
	limit := l.config.StreamBytes
	if more := room - out.room; more > 0 && l.counters.ReserveStream(more, limit-limit/4) {
		out.room = room
		s.flow.setLimit(room)
	}
}

// takeRoom takes the room of a stream that is over, and returns what gives it back.
func (s *Stream) takeRoom() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room, counters := s.out.room, s.link.counters
	s.out.room = 0
	return func() { counters.ReleaseStream(room) }
}

// awaitWritten waits until a value has been written that has more bytes than there is room, so that only its sender's goroutine
// holds it. The value has size bytes, and its envelope, which is the last that was queued, whole. If ctx ends, or the direction does,
// the value is taken back, unless all of it is on its way.
func (s *Stream) awaitWritten(ctx context.Context, size, whole int) error {
	written := make(chan struct{})
	s.flow.whenWritten(func() { close(written) })
	select {
	case <-written:
		return nil
	case <-ctx.Done():
	case <-s.out.ended:
	}
	if s.flow.takeBack(whole) {
		return s.notQueued(&AbandonedError{Err: ctx.Err()}, size)
	}
	return nil
}
