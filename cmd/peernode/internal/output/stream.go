package output

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// A Stream that drops holds maxQueue writes that nobody has taken yet. Once the command is to end, FlushTime is how long
// what was written may take.
const (
	maxQueue  = 1024
	FlushTime = time.Second
)

// ErrUnread: nobody reads what is written, and the command is to end.
var ErrUnread = errors.New("nobody reads it")

// A Stream writes to a writer that may hold it up, in a goroutine of its own, and remembers the first write that failed.
// Write waits until that is done, unless Drop was called. A Stream is safe for concurrent use.
type Stream struct {
	w      io.Writer
	ended  <-chan struct{}  // closed when the command is to end; nil: never
	broken func()           // called when a write fails; may be nil
	lost   func(int) []byte // returns the line that says how many writes were dropped; nil: no write is dropped

	mu      sync.Mutex // guards the rest
	queue   [][]byte
	idle    chan struct{} // closed when all is written; nil: nothing is being written
	dropped int           // since lost was called
	err     error
}

// NewStream returns a Stream that writes to w until ctx ends and what was written is out. It calls broken, unless it is nil,
// when a write fails.
func NewStream(ctx context.Context, w io.Writer, broken func()) *Stream {
	return &Stream{w: w, ended: ctx.Done(), broken: broken}
}

// Drop has Write wait no more: what finds the queue full is dropped, and lost says so as soon as there is room. It is called
// before others write.
func (s *Stream) Drop(lost func(int) []byte) { s.lost = lost }

// Write writes p in one piece.
func (s *Stream) Write(p []byte) (int, error) {
	idle := s.add(bytes.Clone(p))
	if s.lost != nil {
		return len(p), nil
	}
	select {
	case <-idle:
	case <-s.ended:
		ctx, cancel := context.WithTimeout(context.Background(), FlushTime)
		defer cancel()
		if s.Flush(ctx); ctx.Err() != nil {
			s.fail(ErrUnread)
		}
	}
	return len(p), s.Err()
}

// add queues text, or drops it, and returns what is closed when all is written.
func (s *Stream) add(text []byte) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.drain()
	}
	switch {
	case s.lost != nil && len(s.queue) >= maxQueue:
		s.dropped++
		return s.idle
	case s.dropped > 0:
		s.queue = append(s.queue, s.lost(s.dropped))
		s.dropped = 0
	}
	s.queue = append(s.queue, text)
	return s.idle
}

// drain writes what is in the queue, until it is empty.
func (s *Stream) drain() {
	for text, ok := s.next(); ok; text, ok = s.next() {
		if _, err := s.w.Write(text); err != nil {
			s.fail(err)
		}
	}
}

// next takes what is to be written next.
func (s *Stream) next() (text []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.queue) > 0:
		text, s.queue = s.queue[0], s.queue[1:]
	case s.dropped > 0:
		text, s.dropped = s.lost(s.dropped), 0
	default:
		close(s.idle)
		s.idle = nil
		return nil, false
	}
	return text, true
}

// Flush waits until all is written, or ctx ends. It does not wait for a reader who has not come before.
func (s *Stream) Flush(ctx context.Context) {
	s.mu.Lock()
	idle, err := s.idle, s.err
	s.mu.Unlock()
	if idle == nil || err == ErrUnread {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// fail remembers the first error.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
	}
	s.mu.Unlock()
	if first && s.broken != nil {
		s.broken()
	}
}

// Err returns the first error.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
