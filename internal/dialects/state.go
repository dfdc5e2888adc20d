package dialects

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/durable"
)

// The state file holds a line for each peer whose dialect is known:
//
//	KEY dialect=native|beam [asked=UNIX-SECONDS] [closed=UNIX-MILLISECONDS,UNIX-MILLISECONDS]
//
// asked is when the peer was last dialled natively, closed is when the last connections with it ended, if that was
// lately. Other lines and options are dropped: only nodes write the file, and it may be lost.
const (
	stateMode  = 0o600
	stateTitle = "# What this node has learnt of its peers. It may be removed while the node does not run.\n"

	// stateLimit bounds the bytes that are written; some 40,000 peers. Lines of native peers come first: without its line a native
	// peer could be dialled in BEAM, while a BEAM node is only asked natively once more.
	stateLimit = 4 << 20

	// readLimit bounds the bytes that are read: a file that is somewhat too long loses nothing.
	readLimit = 4 * stateLimit
)

// Open returns the Book of a node, with what the state file says. A file that cannot be read is told to Warn, and left as it
// is until it can be read.
func Open(c Config) *Book {
	b := &Book{config: c, entries: make(map[identity.PublicKey]*entry)}
	if c.Path == "" {
		return b
	}
	if err := b.read(); err != nil {
		b.isUnread = true
		b.warn("read", err, "the file is left as it is, and what is learnt is lost at a restart, until it can be read")
	}
	return b
}

// read adds what the state file says. Nothing is wrong if there is no file.
func (b *Book) read() error {
	data, _, err := durable.Read(b.config.Path, readLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.config.Clock.Now()
	for line := range strings.Lines(string(data)) {
		b.parse(strings.Fields(line), now)
	}
	return nil
}

// parse reads one line. What was heard since the node has started goes before it, unless the line says that the peer is native. It
// is called with mu held.
func (b *Book) parse(words []string, now time.Time) {
	if len(words) < 2 || strings.HasPrefix(words[0], "#") {
		return
	}
	key, err := identity.ParsePublicKey(words[0])
	if err != nil || !b.isTrusted(key) {
		return
	}
	e := new(entry)
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "dialect":
			e.spoken, err = handshake.ParseDialect(value)
			e.heard = err == nil
		case "asked":
			e.asked = past(value, time.Second, now)
		case "closed":
			for _, text := range strings.Split(value, ",") {
				if at := past(text, time.Millisecond, now); !at.IsZero() {
					e.closed = append(e.closed, at)
				}
			}
		}
	}
	switch old := b.entries[key]; {
	case old == nil && (e.heard || len(e.closed) > 0):
		b.entries[key] = e
	case old != nil && e.heard && (!old.heard || e.spoken == handshake.Native):
		old.heard, old.spoken, old.asked = true, e.spoken, e.asked
	}
}

// past returns the time that text says in units since 1970; zero, if it says none. A time in the future is now: a clock
// that was wrong must not put anything off for longer.
func past(text string, unit time.Duration, now time.Time) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}
	case n > now.UnixNano()/int64(unit):
		return now
	}
	return time.Unix(0, n*int64(unit))
}

// format returns the state file's content. It is called with mu held.
func (b *Book) format() []byte {
	var native, others []string
	now := b.config.Clock.Now()
	for key, e := range b.entries {
		e.prune(now)
		line := key.String()
		if e.heard {
			line += fmt.Sprintf(" dialect=%v", e.spoken)
		}
		if b.is(key, handshake.BEAM) {
			if !e.asked.IsZero() {
				line += fmt.Sprintf(" asked=%d", e.asked.Unix())
			}
			if texts := e.closings(now); len(texts) > 0 {
				line += " closed=" + strings.Join(texts, ",")
			}
		}
		switch {
		case e.heard && e.spoken == handshake.Native:
			native = append(native, line+"\n")
		case line != key.String():
			others = append(others, line+"\n")
		}
	}
	slices.Sort(native)
	slices.Sort(others)
	text := []byte(stateTitle)
	for _, line := range append(native, others...) {
		if len(text)+len(line) > stateLimit {
			break
		}
		text = append(text, line...)
	}
	return text
}

// closings returns when the last connections ended, as text. Those under way end now.
func (e *entry) closings(now time.Time) (texts []string) {
	for _, at := range e.closed {
		texts = append(texts, strconv.FormatInt(at.UnixMilli(), 10))
	}
	for range e.dials {
		texts = append(texts, strconv.FormatInt(now.UnixMilli(), 10))
	}
	return texts[max(0, len(texts)-maxClosed):]
}

// save has the state file written, in a goroutine of its own. It is called with mu held.
func (b *Book) save() {
	if b.config.Path == "" {
		return
	}
	if b.changed = true; b.writing {
		return
	}
	b.writing = true
	b.writes.Go(b.write)
}

// write writes the state file until nothing has changed since. What cannot be written is written with the next change, or by Flush.
func (b *Book) write() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.changed && b.writing {
		b.changed = false
		b.writing = b.writeOnce()
		b.changed = b.changed || !b.writing
	}
	b.writing = false
}

// writeOnce writes the state file as the Book is now, and says whether it could. A file that could not be read before is read
// first: what it says would be lost. It is called with mu held, and releases it while it reads and writes.
func (b *Book) writeOnce() bool {
	b.mu.Unlock()
	defer b.mu.Lock()
	if b.isUnread {
		if b.read() != nil {
			return false // Open has told
		}
		b.isUnread = false
	}
	b.mu.Lock()
	data := b.format()
	b.mu.Unlock()
	err := durable.Replace(b.config.Path, data, stateMode)
	if err != nil {
		b.warn("write", err, "until then dialects are learnt anew after a restart")
	}
	return err == nil
}

// Flush returns once what was recorded is in the state file, or could not be written now.
func (b *Book) Flush() {
	if b == nil {
		return
	}
	b.mu.Lock()
	if b.changed {
		b.save()
	}
	b.mu.Unlock()
	b.writes.Wait()
}

func (b *Book) warn(doing string, err error, meanwhile string) {
	if b.config.Warn != nil {
		b.config.Warn(fmt.Errorf("%s %s: %w: check its permissions and the disk; %s", doing, b.config.Path, durable.Cause(err), meanwhile))
	}
}
