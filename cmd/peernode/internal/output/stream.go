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
	ended  <-chan struct{} // closed when the command is to end; nil: never
	broken func()          // called when a write fails; may be nil

	mu      sync.Mutex // guards the rest
	queue   []piece
	writing bool             // a goroutine writes what is in queue, until it is empty
	lost    func(int) []byte // says that so many writes were dropped; nil: none is
	dropped int              // since lost was called
	err     error
}

// A piece is what one Write writes.
type piece struct {
	text []byte
	done chan error // has room for the result of the write
}

// NewStream returns a Stream that writes to w until ctx ends and what was written is out. It calls broken, unless it is nil,
// when a write fails.
func NewStream(ctx context.Context, w io.Writer, broken func()) *Stream {
	return &Stream{w: w, ended: ctx.Done(), broken: broken}
}

// Drop has Write wait no more: what finds the queue full is dropped, and lost says so as soon as there is room.
func (s *Stream) Drop(lost func(int) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = lost
}

// Write writes p in one piece.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	if s.lost != nil {
		defer s.mu.Unlock()
		if len(s.queue) >= maxQueue {
			s.dropped++
		} else {
			s.put(bytes.Clone(p))
		}
		return len(p), nil
	}
	if s.err == ErrUnread {
		s.mu.Unlock()
		return 0, ErrUnread
	}
	done := s.put(bytes.Clone(p))
	s.mu.Unlock()
	select {
	case err := <-done:
		return len(p), err
	case <-s.ended:
	}
	select {
	case err := <-done:
		return len(p), err
	case <-time.After(FlushTime):
		s.fail(ErrUnread)
		return 0, ErrUnread
	}
}

// put queues text behind what says how much was dropped before it. The caller holds mu.
func (s *Stream) put(text []byte) chan error {
	if s.dropped > 0 {
		s.queue = append(s.queue, piece{s.lost(s.dropped), make(chan error, 1)})
		s.dropped = 0
	}
	p := piece{text, make(chan error, 1)}
	s.queue = append(s.queue, p)
	if !s.writing {
		s.writing = true
		go s.drain()
	}
	return p.done
}

// drain writes what is in the queue, until it is empty.
func (s *Stream) drain() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 && s.dropped > 0 {
			s.put(nil)
		}
		if len(s.queue) == 0 {
			s.writing = false
			s.mu.Unlock()
			return
		}
		p := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		var err error
		if len(p.text) > 0 {
			if _, err = s.w.Write(p.text); err != nil {
				s.fail(err)
			}
		}
		p.done <- err
	}
}

// Flush waits until all is out that was written before, or ctx ends. It does not wait for a reader who has not come before.
func (s *Stream) Flush(ctx context.Context) {
	s.mu.Lock()
	if s.err == ErrUnread {
		s.mu.Unlock()
		return
	}
	done := s.put(nil)
	s.mu.Unlock()
	select {
	case <-done:
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
