package peertest

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// An output is where the nodes' log lines go: the test's own output, until the network ends. It is safe for concurrent use.
type output struct {
	start time.Time
	level slog.LevelVar // of the nodes

	mu    sync.Mutex        // guards the rest, and is held while writing
	w     io.Writer         // nil: the network has ended, and nothing may be written any more
	names map[string]string // of keys, in the forms that logs have them in
}

func newOutput(tb testing.TB) *output {
	return &output{start: time.Now(), w: tb.Output(), names: make(map[string]string)}
}

// name has a key shown by the name of its node.
func (o *output) name(key identity.PublicKey, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names[key.String()], o.names[key.Short()] = name, name
}

// close ends the output: what is logged later, by a goroutine that was left behind, is lost.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = nil
}

// logger returns one whose lines begin with a prefix and the time since the network was made.
func (o *output) logger(prefix string, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(line{o, prefix + ": "}, &slog.HandlerOptions{Level: level, ReplaceAttr: o.replace}))
}

// replace makes times those since the network was made, and keys names.
func (o *output) replace(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) == 0 && a.Key == slog.TimeKey:
		return slog.Duration("after", a.Value.Time().Sub(o.start))
	case a.Value.Kind() == slog.KindString:
		o.mu.Lock()
		defer o.mu.Unlock()
		if name, ok := o.names[a.Value.String()]; ok && a.Key != "key" { // a node's own is said once, in full
			a.Value = slog.StringValue(name)
		}
	}
	return a
}

// readable returns text with names for keys.
func (o *output) readable(text string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, name := range o.names {
		text = strings.ReplaceAll(text, key, name)
	}
	return text
}

// A line writes each record with its prefix.
type line struct {
	*output
	prefix string
}

// Write implements io.Writer. A text handler calls it once for each record.
func (l line) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.w != nil {
		if _, err := l.w.Write(append([]byte(l.prefix), b...)); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
