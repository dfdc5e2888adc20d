package session

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// An outgoing is the direction of a stream that this node sends.
type outgoing struct {
	credit int   // bytes of values that may be sent
	most   int   // bytes that one value may have: half of the first credit
	room   int   // bytes that may wait in the queue, reserved under Config.StreamBytes; see makeRoom
	err    error // why nothing can be sent any more

	granted chan struct{} // there is more credit; it has room for one
	ended   chan struct{} // closed when err is set
}

func (out *outgoing) init() { out.granted, out.ended = make(chan struct{}, 1), make(chan struct{}) }

// A ValueSizeError says that a value is larger than the receiver takes on this stream, and was not sent. It is an
// envelope.ErrTooLarge.
type ValueSizeError struct{ Size, Limit int }

func (e *ValueSizeError) Error() string {
	if e.Limit == 0 {
		return "the peer takes no values on this stream: its handler is one of HandleStream"
	}
	return fmt.Sprintf("a value of %d bytes is larger than the %d that the peer takes on this stream: split it, or have the receiver raise its window", e.Size, e.Limit)
}

// Is makes a ValueSizeError an envelope.ErrTooLarge.
func (e *ValueSizeError) Is(target error) bool { return target == envelope.ErrTooLarge }

// Send sends a value, which may be anything that envelope.AppendData takes. It waits under ctx until the peer has granted credit for
// it and there is room in the queue; one value waits at a time, in the order of the calls as far as they have one. nil says that
// it was queued; if there is no room for so large a value, that it has been written. After an error it was not sent.
func (s *Stream) Send(ctx context.Context, value any) error {
	buf, size := newEnvelope(value), 0
	var err error
	if buf.b, size, err = envelope.AppendData(buf.b, s.id, value); err == nil {
		err = s.link.checkSize(buf)
	}
	if err != nil {
		buf.release()
		return fmt.Errorf("encode the value: %w", err)
	}
	if err := s.await(ctx, s.turn); err != nil {
		buf.release()
		return err
	}
	defer func() { <-s.turn }()
	whole := len(buf.b)
	room, err := s.spend(ctx, size, whole)
	if err != nil {
		buf.release()
		return err
	}
	s.link.messages.Add(1)
	if err := s.flow.pushUntil(ctx, s.out.ended, buf); err != nil {
		return s.notQueued(err, size)
	}
	if whole > room {
		return s.awaitWritten(ctx, size, whole)
	}
	return nil
}

// await puts a token into turn, unless ctx ends or the direction does.
func (s *Stream) await(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-s.out.ended:
		return s.sendError()
	case <-ctx.Done():
		return notSent(ctx.Err())
	}
}

// spend takes credit for a value of size bytes, and makes room for its envelope of whole bytes. It returns the room.
func (s *Stream) spend(ctx context.Context, size, whole int) (room int, err error) {
	for {
		room, ok, err := s.takeCredit(ctx, size, whole)
		if ok || err != nil {
			return room, err
		}
		select {
		case <-s.out.granted:
		case <-s.out.ended:
		case <-ctx.Done():
			return 0, notSent(ctx.Err())
		}
	}
}

// takeCredit is spend without a wait: ok says whether there was credit.
func (s *Stream) takeCredit(ctx context.Context, size, whole int) (room int, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &s.out
	switch {
	case out.err != nil:
		return 0, false, out.err
	case size > out.most:
		return 0, false, &ValueSizeError{size, out.most}
	case size > out.credit:
		return 0, false, nil
	}
	if err := ctx.Err(); err != nil {
		return 0, false, notSent(err)
	}
	out.credit -= size
	s.makeRoom(whole)
	return out.room, true, nil
}

// notQueued gives back the credit of a value that the queue has not taken for err, and returns what its sender is told.
func (s *Stream) notQueued(err error, size int) error {
	if err == errDropped {
		<-s.over // finish follows, and says why
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.credit += size
	if s.out.err != nil {
		return s.out.err
	}
	if e, ok := errors.AsType[*AbandonedError](err); ok {
		return notSent(e.Err)
	}
	return err
}

func notSent(err error) error { return fmt.Errorf("the value was not sent: %w", err) }

// CloseSend ends this direction behind what was sent. The peer receives io.EOF there, and can go on sending. It waits, under ctx,
// for a Send that is under way. It does nothing if the direction has ended.
func (s *Stream) CloseSend(ctx context.Context) error {
	if err := s.await(ctx, s.turn); err != nil {
		if s.hasEndedOut() {
			return nil
		}
		return err
	}
	defer func() { <-s.turn }()
	s.endSending()
	return nil
}

// endSending ends the direction, if it has not ended. It is called with the turn held.
func (s *Stream) endSending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.err == nil {
		buf := newEnvelope(nil)
		buf.b = envelope.AppendEnd(buf.b, s.id)
		s.flow.force(buf)
		s.endOut(ErrSendClosed)
	}
}

// Takes returns how many bytes one value may have that is sent; 0: the peer takes none.
func (s *Stream) Takes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.most
}

func (s *Stream) hasEndedOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.err != nil
}

// sendError returns why nothing can be sent any more.
func (s *Stream) sendError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.err
}

// arriveCredit takes credit that the peer has granted. The first one says that its handler has begun, and how large a value may
// be. The error is a violation of the protocol.
func (s *Stream) arriveCredit(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOver {
		s.link.ignored()
		return nil
	}
	if n > envelope.MaxCredit-s.out.credit {
		return errCreditOverflow
	}
	if s.awaitsBegin() {
		s.out.most, s.isBegun = n/2, true
		close(s.begun)
	}
	s.out.credit += n
	ring(s.out.granted)
	return nil
}

// endOut ends the direction for err. It is called with mu held.
func (s *Stream) endOut(err error) {
	if s.out.err == nil {
		s.out.err = err
		close(s.out.ended)
	}
}

// MostWhole is the largest binary whose value leaves whole, not in parts, also where the rate of the line is not known yet.
const MostWhole = 32 << 10

// MostBinary returns the largest binary whose value has at most size bytes.
func MostBinary(size int) int {
	switch {
	case size <= math.MaxUint8+2:
		return max(0, size-2)
	case size <= math.MaxUint16+3:
		return size - 3
	}
	return size - 5
}
