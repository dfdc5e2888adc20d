package node

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A line is something that happened in a history.
type line struct {
	at     time.Duration // since the history began
	format string
	args   []any
}

// note writes a line of the history.
func (c *chaos) note(format string, args ...any) {
	at := time.Since(c.began)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line{at, format, args})
}

// report prints a history that failed, and how to run it again; or one that was asked for, if the test is verbose.
func (c *chaos) report() {
	c.Helper()
	if !c.Failed() && (*oneSeed < 0 || !testing.Verbose()) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "to run the history of seed %d again, as often as it takes:\n\tgo test ./internal/node -run TestChaos -seed %d -count 20\n", c.seed, c.seed)
	for _, l := range c.lines {
		fmt.Fprintf(&b, "%11.6f  %s\n", l.at.Seconds(), fmt.Sprintf(l.format, l.args...))
	}
	c.Log(b.String())
}

// An alarm is where the nodes of a history log to. An error fails the history: it is an actor that panicked, or a
// handler.
type alarm struct {
	slog.Handler
	c     *chaos
	attrs []slog.Attr
}

// alarmed returns the history's logger. Warnings are lines of the history.
func (c *chaos) alarmed() *slog.Logger {
	return slog.New(&alarm{Handler: c.world.log.Handler(), c: c})
}

// Enabled implements slog.Handler.
func (a *alarm) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || a.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (a *alarm) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		text := r.Message
		for _, at := range a.attrs {
			text += " " + at.String()
		}
		r.Attrs(func(at slog.Attr) bool {
			text += " " + at.String()
			return true
		})
		a.c.note("log: %s", text)
		if r.Level >= slog.LevelError {
			a.c.Errorf("seed %d: %s", a.c.seed, text)
		}
	}
	if a.Handler.Enabled(ctx, r.Level) {
		return a.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (a *alarm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &alarm{a.Handler.WithAttrs(attrs), a.c, append(a.attrs[:len(a.attrs):len(a.attrs)], attrs...)}
}
