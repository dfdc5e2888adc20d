package kit

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Log keeps what is logged to it. It is safe for concurrent use.
type Log struct {
	slog.Handler // text into the record
	*record
}

// A record is what a Log, and those made of it by With, keep together.
type record struct {
	alarm func(...any) // called for each line at level Error; nil: nothing is

	mu       sync.Mutex // guards the rest
	text     bytes.Buffer
	warnings int
}

// NewLog returns a log that keeps lines of this level and above.
func NewLog(least slog.Level) *Log {
	r := new(record)
	return &Log{slog.NewTextHandler(r, &slog.HandlerOptions{Level: least}), r}
}

// NewAlarm returns a log that keeps warnings, and fails the test for what must never happen: an actor that panics, or any
// other line at level Error.
func NewAlarm(t testing.TB) *Log {
	l := NewLog(slog.LevelWarn)
	l.alarm = t.Error
	return l
}

// Logger returns the logger that logs to l.
func (l *Log) Logger() *slog.Logger { return slog.New(l) }

// Lines returns the lines that contain all of what.
func (l *Log) Lines(what ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Collect(strings.Lines(l.text.String()))
	return slices.DeleteFunc(all, func(line string) bool {
		return slices.ContainsFunc(what, func(w string) bool { return !strings.Contains(line, w) })
	})
}

// Warnings returns how many lines at level Warn or above were logged.
func (l *Log) Warnings() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.warnings
}

// Handle implements slog.Handler.
func (l *Log) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		l.mu.Lock()
		l.warnings++
		l.mu.Unlock()
	}
	if r.Level >= slog.LevelError && l.alarm != nil {
		text := "logged: " + r.Message
		r.Attrs(func(a slog.Attr) bool {
			text += "\n" + a.String()
			return true
		})
		l.alarm(text)
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l *Log) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Log{l.Handler.WithAttrs(attrs), l.record}
}

// WithGroup implements slog.Handler.
func (l *Log) WithGroup(name string) slog.Handler { return &Log{l.Handler.WithGroup(name), l.record} }

// Write implements io.Writer, for the text handler.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}
