package session

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// Errors of streams.
var (
	// ErrNoStreams says that the peer speaks version 1 of the protocol, or BEAM: neither has streams.
	ErrNoStreams = errors.New("the peer has no streams: make calls instead, or have it run version 2 of the native dialect")

	// ErrNotStream says that the peer's handler has answered as one of a plain call does.
	ErrNotStream error = &afterAnswer{"the peer's handler makes no stream: call it instead"}

	// ErrStreamOver says that a stream has ended, and that its call succeeded.
	ErrStreamOver error = &afterAnswer{"the stream is over: open a new one"}

	// ErrSendClosed says that this end has closed its direction.
	ErrSendClosed = errors.New("this direction of the stream is closed: nothing can be sent after CloseSend")

	errBeyondCredit   = errors.New("data of a stream beyond its credit")
	errBeforeCredit   = errors.New("data or the end of a stream before its first credit")
	errAfterEnd       = errors.New("data of a stream after its end")
	errCreditOverflow = errors.New("a stream was granted more credit than 2^31-1 bytes")
)

// An afterAnswer is an error of a stream whose call the peer has answered.
type afterAnswer struct{ text string }

func (e *afterAnswer) Error() string { return e.text }

// RequestSent tells peernet.Sent that the request reached the peer.
func (e *afterAnswer) RequestSent() bool { return true }

// A Stream is a call whose two ends send each other values while it runs (wire.md §6.11). Both ends have one. It is safe for
// concurrent use.
//
// Its end is that of the call: the reply, the end of the session, or that this node gives it up. Each direction may end
// before. What has arrived by then can still be received.
type Stream struct {
	link *Link
	id   envelope.StreamID // as this node names it to the peer
	flow *flow             // what this node sends, in order

	pending *pending        // of a stream of this node: in the table of calls in flight until it ends
	life    context.Context // its caller's, whose end ends the stream; nil: none does
	begun   chan struct{}   // closed when the peer's handler has begun, or the stream has ended

	over chan struct{} // closed when the stream has ended

	turn chan struct{} // held by the one that sends: it has room for one

	mu      sync.Mutex // guards the rest; the queue's is taken with it held
	isBegun bool       // begun is closed because the handler has begun
	isOver  bool
	end     result      // of the call, once isOver
	stop    func() bool // ends the wait for the end of life; nil: there is none
	in      incoming
	out     outgoing
}

// newStream returns a stream that is to enter the session's table.
func (l *Link) newStream(id envelope.StreamID) *Stream {
	s := &Stream{link: l, id: id, flow: l.queue.newFlow(0, "Limits.StreamBytesPerPeer"), over: make(chan struct{}), turn: make(chan struct{}, 1)}
	s.in.init()
	s.out.init()
	return s
}

// Link returns the session of the stream.
func (s *Stream) Link() *Link { return s.link }

// Done returns a channel that is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.over }

// Wait waits for the end of the stream. It returns nil if its call succeeded, or at the callee once it has replied.
func (s *Stream) Wait(ctx context.Context) error {
	select {
	case <-s.over:
	default:
		select {
		case <-s.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end.err
}

// replied ends a stream of this node with the result of its call. What waits to be sent is dropped; what has arrived can be
// received.
func (s *Stream) replied(r result) {
	s.flow.drop() // first: a session that drains looks in finish whether anything waits
	s.finish(r)
}

// finish records the result of the call of a stream of this node, which is in flight no more. The one that took it out of the table
// of calls calls it.
func (s *Stream) finish(r result) {
	l := s.link
	if r.err != nil && s.life != nil && (errors.Is(r.err, envelope.ErrDeadline) || errors.Is(r.err, envelope.ErrCancelled)) {
		if err := l.contextError(s.life); err != nil {
			r.err = &AbandonedError{Err: err, Sent: true} // the peer reported the deadline before life ended here
		}
	}
	if c, counts := callResult(r.err); counts {
		l.counters.CallOut(c)
	}
	received, sent := r.err, r.err
	if r.err == nil {
		received, sent = io.EOF, ErrStreamOver
	}
	s.close(r, received, sent)
	s.flow.whenWritten(s.takeRoom()) // at once, unless what was sent still leaves
	l.streams.leave(s)
	l.CheckDrained()
}

// close records the end, and what Recv and Send say from now on.
func (s *Stream) close(r result, received, sent error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOver {
		return
	}
	s.isOver, s.end = true, r
	s.endIn(received)
	s.endOut(sent)
	if s.awaitsBegin() {
		close(s.begun)
	}
	if s.stop != nil {
		s.stop()
	}
	close(s.over)
}

// awaitsBegin says whether s is of this node and the peer's handler has not begun. It is called with mu held.
func (s *Stream) awaitsBegin() bool { return s.begun != nil && !s.isBegun }
