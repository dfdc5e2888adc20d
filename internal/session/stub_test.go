package session

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// A stub answers the peer in the tests. It keeps all that it is told.
type stub struct {
	link    *Link
	pending atomic.Int64
	arrived int // calls since the last Begin; without a lock, as one goroutine at a time may touch it

	mu        sync.Mutex // guards the rest
	answer    func(*stub, envelope.Envelope)
	violation func() error // what Call does instead, if not nil
	calls     []envelope.Envelope
	sends     []envelope.Envelope
	cancels   []envelope.CallID
	closed    []envelope.Reason

	requestsEnded int
	chains        int    // of sends, open
	ofChains      []bool // of each send: whether a chain was open when it came
	room          int    // bytes of the largest call or send that it takes in parts
}

func newStub(l *Link) *stub { return &stub{link: l, answer: echo, room: math.MaxInt} }

// Call implements Inbound.
func (s *stub) Call(e *envelope.Envelope) error {
	s.arrived++
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.violation != nil {
		return s.violation()
	}
	if len(s.closed) > 0 {
		return nil
	}
	s.calls = append(s.calls, *e)
	s.pending.Add(1)
	if s.answer != nil {
		go s.answer(s, *e)
	}
	return nil
}

// Begin implements Inbound: the stub has begun already.
func (s *stub) Begin() { s.arrived = 0 }

// Send implements Inbound.
func (s *stub) Send(e *envelope.Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.closed) == 0 {
		s.sends = append(s.sends, *e)
		s.ofChains = append(s.ofChains, s.chains > 0)
	}
}

// Cancel implements Inbound.
func (s *stub) Cancel(id envelope.CallID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancels = append(s.cancels, id)
}

// OpenChain implements Inbound.
func (s *stub) OpenChain(head *envelope.Envelope, size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if head.Kind == envelope.KindSend {
		s.chains++
	}
	return size <= s.room
}

// Discard implements Inbound.
func (s *stub) Discard(head *envelope.Envelope) error {
	if head.Kind == envelope.KindCall {
		s.link.Refuse(head.ID, &envelope.RemoteError{Code: envelope.CodeOverloaded})
	}
	return nil
}

// CloseChain implements Inbound.
func (s *stub) CloseChain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chains--
}

// EndRequests implements Inbound.
func (s *stub) EndRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requestsEnded++
}

// Pending implements Inbound.
func (s *stub) Pending() int { return int(s.pending.Load()) }

// Close implements Inbound.
func (s *stub) Close(reason envelope.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, reason)
}

// serve sets how calls are answered, in goroutines of their own; nil: not at all.
func (s *stub) serve(answer func(*stub, envelope.Envelope)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// violate sets what Call does instead of keeping calls.
func (s *stub) violate(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violation = f
}

// reply answers a call, as what runs handlers does.
func (s *stub) reply(id envelope.CallID, value any, refusal *envelope.RemoteError) {
	s.link.Reply(id, value, refusal)
	s.pending.Add(-1)
	s.link.CheckDrained()
}

// echo answers a call with its arguments.
func echo(s *stub, e envelope.Envelope) {
	s.reply(e.ID, envelope.NewRaw(envelope.Msgpack, e.Args), nil)
}

func (s *stub) called() []envelope.Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *stub) sent() []envelope.Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sends)
}

func (s *stub) cancelled() []envelope.CallID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cancels)
}

// check fails unless the session's end was told exactly once.
func (s *stub) check(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.closed) != 1 || s.closed[0] == "" {
		t.Errorf("the stub was told %d times of the end: %v", len(s.closed), s.closed)
	}
	if s.requestsEnded > 1 {
		t.Errorf("the stub was told %d times of the peer's bye", s.requestsEnded)
	}
}
