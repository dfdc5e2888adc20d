package session

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// MaxWindow is how far the credit of a stream grows while its reader keeps up.
const MaxWindow = 4 << 20

// An incoming is the direction of a stream that this node receives. Its window is what the peer may have sent that is not
// taken yet, and is reserved for it: granted, arrived and freed bytes add up to it. So the peer is never left without credit
// for a value of half of the window: granted alone is more than that once all is taken and less than half is freed.
type incoming struct {
	values  values
	window  int // reserved under Config.StreamBytes
	first   int // the window at the beginning; it grows from there, and shrinks to it
	granted int // the peer may still send
	freed   int // taken, and not granted again

	err error // what follows the values that have arrived: io.EOF, or why nothing does; nil: more may come
	eof bool  // the peer has ended its direction

	arrived chan struct{} // there is a value; it has room for one
	ended   chan struct{} // closed when err is set

	granting position // of the last credit in the queue
}

func (in *incoming) init() { in.arrived, in.ended = make(chan struct{}, 1), make(chan struct{}) }

// Recv returns the next value of the peer. It waits for it until ctx ends. The error is io.EOF when the peer has ended its
// direction, or the call has succeeded, and nothing is left; otherwise it says why nothing will come. The value is the caller's to keep.
func (s *Stream) Recv(ctx context.Context) ([]byte, error) {
	v, err := s.RecvValue(ctx)
	return v.b, err
}

// RecvValue is Recv for one that releases the values.
func (s *Stream) RecvValue(ctx context.Context) (Value, error) {
	for {
		v, ok, err := s.take()
		if ok || err != nil {
			return v, err
		}
		select {
		case <-s.in.arrived:
		case <-s.in.ended:
		case <-ctx.Done():
			if v, ok, _ := s.take(); ok {
				return v, nil
			}
			return Value{}, fmt.Errorf("no value came: %w", ctx.Err())
		}
	}
}

// ReleasesValues says that values are received by RecvValue alone, and released.
func (s *Stream) ReleasesValues() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.values.reuses = true
}

// take returns the next value that has arrived, if there is one, or why there will be none.
func (s *Stream) take() (v Value, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := &s.in
	if v, ok = in.values.pop(); !ok {
		return Value{}, false, in.err
	}
	if in.values.size > 0 {
		ring(in.arrived) // for another receiver
	}
	if in.err != nil {
		s.unreserve(len(v.b))
		return v, true, nil
	}
	in.freed += len(v.b)
	s.grant()
	return v, true, nil
}

// arrive takes a value that the peer has sent over, from the memory of lender's in which it lies unless that is nil. The error is a
// violation of the protocol (wire.md §6.11).
func (s *Stream) arrive(value []byte, lender *reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := &s.in
	switch {
	case s.isOver:
		s.link.ignored()
		return nil
	case in.eof:
		return errAfterEnd
	case len(value) > in.granted:
		return errBeyondCredit
	case s.awaitsBegin():
		return errBeforeCredit
	}
	if in.granted -= len(value); in.err != nil { // nobody receives any more
		s.unreserve(len(value))
		return nil
	}
	if lender != nil {
		in.values.pushLent(value, lender)
	} else {
		in.values.push(value)
	}
	ring(in.arrived)
	return nil
}

// arriveEnd records that the peer has ended its direction.
func (s *Stream) arriveEnd() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isOver:
		s.link.ignored()
		return nil
	case s.in.eof:
		return errAfterEnd
	case s.awaitsBegin():
		return errBeforeCredit
	}
	s.in.eof = true
	s.endIn(io.EOF)
	return nil
}

// The rest is called with mu held.

// reserve reserves the first window.
func (s *Stream) reserve(window int) error {
	if limit := s.link.config.StreamBytes; !s.link.counters.ReserveStream(window, limit) {
		return errStreamBytes(limit)
	}
	s.in.window, s.in.first, s.in.granted = window, window, window
	return nil
}

// grant lets the peer send again what was freed, once that is half of the window. A credit that still waits to be written is
// let be: the peer can go on with it.
func (s *Stream) grant() {
	in, l := &s.in, s.link
	if in.freed < max(1, in.window/2) || l.queue.isWaiting(&in.granting) {
		return
	}
	half := l.config.StreamBytes / 2
	switch more := min(in.window, MaxWindow-in.window); {
	case in.window > in.first && l.counters.StreamBytes() > half: // others may need it
		less := min(in.freed, in.window-in.first)
		in.freed -= less
		s.unreserve(less)
	case in.values.size == 0 && more > 0 && l.counters.ReserveStream(more, half): // the reader keeps up
		in.window += more
		in.freed += more
	}
	if in.freed == 0 {
		return
	}
	buf := newEnvelope(nil)
	buf.b = envelope.AppendCredit(buf.b, s.id, in.freed)
	in.granted, in.freed = in.granted+in.freed, 0
	l.queue.force(buf, &in.granting)
}

// endIn ends the direction: err follows the values that have arrived. Room stays reserved for them, and for what the peer can
// still send.
func (s *Stream) endIn(err error) {
	in := &s.in
	if in.err == nil {
		in.err = err
		close(in.ended)
	}
	if in.freed = 0; in.eof || s.isOver {
		in.granted = 0
	}
	s.unreserve(in.window - in.values.size - in.granted)
}

// discard drops the values that have arrived.
func (s *Stream) discard() {
	s.unreserve(s.in.values.size)
	s.in.values.drop()
}

func (s *Stream) unreserve(n int) {
	s.in.window -= n
	s.link.counters.ReleaseStream(n)
}

// ring wakes one goroutine that waits for c.
func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
