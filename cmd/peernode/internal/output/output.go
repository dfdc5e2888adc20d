// Package output prints: results on standard output, as text for people or as one JSON object per line, and what happens
// meanwhile on standard error.
package output

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// A Stream is a writer that remembers the first write that failed. It is safe for concurrent use.
type Stream struct {
	broken func() // called when a write fails; may be nil

	mu  sync.Mutex // guards the rest, and keeps one Write's bytes together
	w   io.Writer
	err error
}

// NewStream returns a Stream that writes to w and calls broken, unless it is nil, when a write fails.
func NewStream(w io.Writer, broken func()) *Stream { return &Stream{w: w, broken: broken} }

// Write writes p in one piece.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.w.Write(p)
	if err != nil && s.err == nil {
		s.err = err
		if s.broken != nil {
			s.broken()
		}
	}
	return n, err
}

// Err returns the first error.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// A Printer prints results. It is safe for concurrent use.
type Printer struct {
	*Stream
	JSON bool // print one JSON object per line, for programs
}

// Object prints v as JSON on one line.
func (p *Printer) Object(v any) error {
	line, err := text.JSON(v)
	if err != nil {
		return err
	}
	_, err = p.Write(append(line, '\n'))
	return err
}

// Print prints a result: v for programs, or a line of text for people.
func (p *Printer) Print(v any, format string, args ...any) error {
	if p.JSON {
		return p.Object(v)
	}
	_, err := fmt.Fprintf(p, format+"\n", args...)
	return err
}

// Table returns a writer that aligns columns, which end with tabs. Nothing is printed before it is flushed.
func (p *Printer) Table() *tabwriter.Writer { return tabwriter.NewWriter(p, 0, 0, 2, ' ', 0) }
