package output

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// A Stream that drops holds maxQueue writes that were not read yet. FlushTime is how long writing the rest may take when the
// command is to end.
const (
	maxQueue  = 1024
	FlushTime = time.Second
)

// ErrUnread: the output was not read before the command had to end.
var ErrUnread = errors.New("nobody reads it")

// A Stream writes to a writer that may block, in a goroutine of its own, and remembers the first error. Write waits until
// its text is written, unless Drop was called. A Stream is safe for concurrent use.
type Stream struct {
	w      io.Writer
	ended  <-chan struct{}  // closed when the command is to end; nil: never
	broken func()           // called when a write fails; may be nil
	lost   func(int) []byte // returns the line that says how many writes were dropped; nil: no write is dropped

	mu      sync.Mutex // guards the rest
	queue   [][]byte
	idle    chan struct{} // closed when all is written; nil if all is written
	dropped int           // writes dropped since lost was called
	err     error
}

// NewStream returns a Stream that writes to w. After the end of ctx Write waits only for FlushTime. The Stream calls broken,
// unless it is nil, when the first write fails.
func NewStream(ctx context.Context, w io.Writer, broken func()) *Stream {
	return &Stream{w: w, ended: ctx.Done(), broken: broken}
}

// Drop makes Write return at once and drop its text if the queue is full. As soon as there is room, the line that lost
// returns says how many writes were dropped. Call Drop before the first Write.
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

// add queues text, or drops it, and returns a channel that is closed when all is written.
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

// next takes the next text to write from the queue.
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

// Flush waits until all is written, or ctx ends. It does not wait again after ErrUnread.
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

// Direct returns a writer for what comes in large pieces, such as a file. Write does not copy its argument, which stays the writer's
// after ErrUnread. In all else it is as Stream.Write. It is not to be used beside Write.
func (s *Stream) Direct() io.WriteCloser { return direct{s} }

type direct struct{ *Stream }

func (d direct) Write(p []byte) (n int, err error) {
	done := make(chan struct{})
	var written int
	var failed error
	go func() {
		defer close(done)
		written, failed = d.w.Write(p)
	}()
	select {
	case <-done:
	case <-d.ended:
		select {
		case <-done:
		case <-time.After(FlushTime):
			d.fail(ErrUnread)
			return 0, ErrUnread
		}
	}
	if failed != nil {
		d.fail(failed)
	}
	return written, failed
}

// Close closes the writer, if it is one that can be closed: its reader learns that nothing follows.
func (d direct) Close() error {
	if c, ok := d.w.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// IsTerminal says whether the stream is a terminal.
func (s *Stream) IsTerminal() bool { return IsTerminal(s.w) }

// IsTerminal says whether a file is a terminal.
func IsTerminal(file any) bool {
	f, ok := file.(interface{ Fd() uintptr })
	return ok && isTerminal(f.Fd())
}
