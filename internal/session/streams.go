package session

import (
	"sync"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
)

// streams is the table of the streams of one session, those of this node and those of the peer. The zero streams are empty.
type streams struct {
	mu   sync.Mutex // guards the rest
	byID map[envelope.StreamID]*Stream
	open [2]int // entered and not left: of the peer, and of this node
}

func (t *streams) enter(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = make(map[envelope.StreamID]*Stream)
	}
	t.byID[s.id] = s
	t.open[index(s.id.Mine)]++
}

// leave takes a stream out. Its id may have become another's: the peer may use it again once it has the reply.
func (t *streams) leave(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[s.id] == s {
		delete(t.byID, s.id)
	}
	if t.open[index(s.id.Mine)]--; len(t.byID) == 0 {
		t.byID = nil // an idle session keeps nothing
	}
}

func index(mine bool) int {
	if mine {
		return 1
	}
	return 0
}

// find returns the stream that the peer names so, if it is open.
func (t *streams) find(id envelope.StreamID) *Stream {
	id.Mine = !id.Mine
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// countOwn returns how many streams of this node are open, and countAll how many in both directions.
func (t *streams) countOwn() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[index(true)]
}

func (t *streams) countAll() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[0] + t.open[1]
}

// interrupt ends the streams of the peer for err: the session has ended.
func (t *streams) interrupt(err error) {
	t.mu.Lock()
	var theirs []*Stream
	for _, s := range t.byID {
		if !s.id.Mine {
			theirs = append(theirs, s)
		}
	}
	t.mu.Unlock()
	for _, s := range theirs {
		s.Interrupt(err)
	}
}

// isOfStream says whether an envelope is one of the sends that belong to streams.
func isOfStream(e *envelope.Envelope) bool {
	switch string(e.Name) {
	case envelope.NameData, envelope.NameCredit, envelope.NameEnd:
		return e.Kind == envelope.KindSend
	}
	return false
}

// handleStream handles a send that belongs to a stream. An error is a violation of the protocol.
func (l *Link) handleStream(e *envelope.Envelope) error {
	switch string(e.Name) {
	case envelope.NameCredit:
		id, n, err := envelope.ParseCredit(e.Args)
		if s := l.openStream(id, err); s != nil {
			return s.arriveCredit(n)
		}
		return err
	case envelope.NameEnd:
		id, err := envelope.ParseEnd(e.Args)
		if s := l.openStream(id, err); s != nil {
			return s.arriveEnd()
		}
		return err
	}
	return l.handleData(e.Args, nil)
}

// handleData handles the args of a send called NameData. It takes them over, unless lender is a reader in whose memory they lie.
func (l *Link) handleData(args []byte, lender *reader) error {
	id, value, err := envelope.ParseData(args)
	if s := l.openStream(id, err); s != nil {
		return s.arrive(value, lender)
	}
	return err
}

// openStream returns the stream that the peer names so. If it is not open, that is counted; if the name could not be parsed, for err,
// there is none.
func (l *Link) openStream(id envelope.StreamID, err error) *Stream {
	if err != nil {
		return nil
	}
	s := l.streams.find(id)
	if s == nil {
		l.ignored()
	}
	return s
}

// ignored counts what is said about a stream that is not open: it may have crossed the end (wire.md §6.11).
func (l *Link) ignored() { l.counters.Add(counters.StreamsIgnored, 1) }
