package trust

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Limits of a peers file.
const (
	// fileLimit bounds its size: ten thousand peers, and what reading it costs at every poll.
	fileLimit = 1 << 20
	// lineLimit bounds a line, without its end: a file that is not text has very long ones.
	lineLimit = 4 << 10
	// problemLimit bounds what is said about one file. A file of another kind is wrong in every line.
	problemLimit = 100
)

// newFileMode is the mode of a peers file that we make.
const newFileMode = 0o600

// byteOrderMark is what some editors put before UTF-8.
const byteOrderMark = "\ufeff"

// A document is the content of a peers file and what it says. It is never changed.
type document struct {
	text     string
	lines    []line
	peers    []Peer                     // of the good lines
	index    map[identity.PublicKey]int // of peers
	problems []error                    // *LineError
	mode     fs.FileMode                // of the file
	present  bool                       // there is a file
}

// A line is one line of a document.
type line struct {
	text string // with its end
	peer *Peer  // nil for a blank line, for a comment, and for a bad line whose key is not legible
	err  error  // why it is bad
}

// parse reads the content of a peers file. A line with the key self is bad.
func parse(text string, self identity.PublicKey) *document {
	doc := &document{text: text, index: make(map[identity.PublicKey]int), mode: newFileMode}
	for text := range strings.Lines(text) {
		l := parseLine(text, len(doc.lines) == 0)
		if l.peer != nil && l.err == nil {
			l.err = doc.enter(*l.peer, self)
		}
		doc.lines = append(doc.lines, l)
		if l.err != nil {
			doc.complain(l.err)
		}
	}
	return doc
}

// parseLine reads one line with its end.
func parseLine(text string, first bool) line {
	content, _ := strings.CutSuffix(text, "\n")
	content, _ = strings.CutSuffix(content, "\r")
	if first {
		content = strings.TrimPrefix(content, byteOrderMark)
	}
	tooLong := len(content) > lineLimit
	if !tooLong && isNoPeer(content) {
		return line{text: text}
	}
	peer, err := parsePeer(content)
	if tooLong {
		err = fmt.Errorf("%w: %d bytes, at most %d are taken", ErrLineTooLong, len(content), lineLimit)
	}
	if peer.Key.IsZero() {
		return line{text: text, err: err}
	}
	return line{text: text, peer: &peer, err: err}
}

// isNoPeer reports whether a line is blank or a comment.
func isNoPeer(content string) bool {
	return strings.TrimSpace(content) == "" || strings.TrimLeft(content, blanks)[0] == '#'
}

// enter adds the peer of a good line, or returns the reason why the line is bad all the same.
func (d *document) enter(peer Peer, self identity.PublicKey) error {
	if peer.Key == self {
		return ErrSelf
	}
	if _, found := d.index[peer.Key]; found {
		return ErrDuplicate
	}
	d.index[peer.Key] = len(d.peers)
	d.peers = append(d.peers, peer)
	return nil
}

// complain notes that the last line is bad.
func (d *document) complain(err error) {
	switch {
	case len(d.problems) < problemLimit:
		d.problems = append(d.problems, &LineError{Line: len(d.lines), Err: err})
	case len(d.problems) == problemLimit:
		d.problems = append(d.problems, &LineError{Line: len(d.lines), Err: ErrTooManyProblems})
	}
}

// get returns the peer with key.
func (d *document) get(key identity.PublicKey) (Peer, bool) {
	i, found := d.index[key]
	if !found {
		return Peer{}, false
	}
	return d.peers[i], true
}

// with returns the text of d with peer in it: in place of the line that has its key, or on a new line at the end. An
// empty label and options that are nil leave those that are there.
func (d *document) with(peer Peer) (string, error) {
	old, found := d.get(peer.Key)
	if peer.Label == "" {
		peer.Label = old.Label
	}
	if peer.Options == nil {
		peer.Options = old.Options
	}
	if found && peer.equal(old) {
		return d.text, nil
	}
	for _, other := range d.peers {
		if peer.Label != "" && peer.Label != old.Label && other.Label == peer.Label {
			return "", fmt.Errorf("%w: %q is %s", ErrLabelTaken, other.Label, other.Key)
		}
	}
	text := formatPeer(peer)
	if len(text) > lineLimit {
		return "", fmt.Errorf("%w: %d bytes, at most %d are taken", ErrLineTooLong, len(text), lineLimit)
	}
	if found {
		text = d.replace(peer.Key, text)
	} else {
		text = d.extend(text)
	}
	if len(text) > fileLimit {
		return "", fmt.Errorf("%w: it would have %d bytes, at most %d are taken", ErrFileTooLarge, len(text), fileLimit)
	}
	return text, nil
}

// without returns the text of d without any line that begins with key, bad ones included: mending one later must not
// bring the peer back.
func (d *document) without(key identity.PublicKey) (text string, found bool) {
	var b strings.Builder
	for _, l := range d.lines {
		if l.peer != nil && l.peer.Key == key {
			found = true
			continue
		}
		b.WriteString(l.text)
	}
	return b.String(), found
}

// replace returns the text of d with the good line of key replaced.
func (d *document) replace(key identity.PublicKey, text string) string {
	var b strings.Builder
	for _, l := range d.lines {
		if l.peer != nil && l.err == nil && l.peer.Key == key {
			b.WriteString(text + lineEnd(l.text))
		} else {
			b.WriteString(l.text)
		}
	}
	return b.String()
}

// extend returns the text of d with one more line, which ends as the one before it does.
func (d *document) extend(text string) string {
	if len(d.lines) == 0 {
		return text + "\n"
	}
	if end := lineEnd(d.text); end != "" {
		return d.text + text + end
	}
	end := "\n"
	if n := len(d.lines); n > 1 {
		end = lineEnd(d.lines[n-2].text)
	}
	return d.text + end + text + end
}

// lineEnd returns the line end at the end of text: LF, CR LF, or none.
func lineEnd(text string) string {
	switch {
	case strings.HasSuffix(text, "\r\n"):
		return "\r\n"
	case strings.HasSuffix(text, "\n"):
		return "\n"
	}
	return ""
}
