package trust

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Limits of a peers file.
const (
	// fileLimit bounds its size, and so the cost of every poll. It has room for ten thousand peers.
	fileLimit = 1 << 20
	// lineLimit bounds a line, without its end: a file that is not text has very long ones.
	lineLimit = 4 << 10
	// problemLimit bounds the problems that are kept of one file. In a file of another kind every line is bad.
	problemLimit = 100
)

// newFileMode is the mode of a peers file that we make.
const newFileMode = 0o600

// byteOrderMark is what some editors write before UTF-8 text.
const byteOrderMark = "\ufeff"

// A document is the content of a peers file and the peers in it. It is never changed.
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
	text      string // with its end
	content   string // without its end, and without a byte order mark
	peer      Peer   // zero if the line is blank or a comment; only the key, if that is legible, if the line is bad
	syntaxErr error  // why the line is bad, whatever the other lines say
	err       error  // why it is bad
}

// empty is the document of a file that does not exist, or of a set in memory.
var empty = &document{mode: newFileMode}

// parse reads the text that takes the place of old. A line with the key self is bad. Lines that old has are not read
// again, unless more than one line at a time has gone: to read a key takes longer than all the rest.
func parse(text string, self identity.PublicKey, old *document) *document {
	n := strings.Count(text, "\n") + 1
	doc := &document{text: text, lines: make([]line, 0, n), mode: old.mode, present: old.present,
		peers: make([]Peer, 0, len(old.peers)+1), index: make(map[identity.PublicKey]int, n)}
	rest := old.lines
	for text := range strings.Lines(text) {
		l := line{text: text, content: strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")}
		if len(doc.lines) == 0 {
			l.content = strings.TrimPrefix(l.content, byteOrderMark)
		}
		if i := slices.IndexFunc(rest[:min(2, len(rest))], func(o line) bool { return o.content == l.content }); i >= 0 {
			l.peer, l.syntaxErr = rest[i].peer, rest[i].syntaxErr
			rest = rest[i+1:]
		} else {
			l.peer, l.syntaxErr = parseLine(strings.Clone(l.content)) // a peer must not hold on to all of an old text
		}
		l.err = l.syntaxErr
		if l.err == nil && !l.peer.Key.IsZero() {
			l.err = doc.add(l.peer, self)
		}
		doc.lines = append(doc.lines, l)
		if l.err != nil {
			doc.addProblem(l.err)
		}
	}
	return doc
}

// parseLine reads the content of one line. A line that is blank or a comment is the zero Peer. Of a bad line, the peer
// beside the error has the key, if that is legible.
func parseLine(content string) (Peer, error) {
	tooLong := len(content) > lineLimit
	if !tooLong && (strings.TrimSpace(content) == "" || strings.TrimLeft(content, blanks)[0] == '#') {
		return Peer{}, nil
	}
	peer, err := parsePeer(content)
	if tooLong {
		err = fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrLineTooLong, len(content), lineLimit)
	}
	return peer, err
}

// add adds the peer of a line that parsePeer accepts, or returns why it cannot beside the other lines.
func (d *document) add(peer Peer, self identity.PublicKey) error {
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

// addProblem records that the last line is bad.
func (d *document) addProblem(err error) {
	if len(d.problems) == problemLimit {
		err = ErrTooManyProblems
	}
	if len(d.problems) <= problemLimit {
		d.problems = append(d.problems, &LineError{Line: len(d.lines), Err: err})
	}
}

// has reports whether there is a peer with key.
func (d *document) has(key identity.PublicKey) bool {
	_, found := d.index[key]
	return found
}

// get returns the peer with key.
func (d *document) get(key identity.PublicKey) (Peer, bool) {
	i, found := d.index[key]
	if !found {
		return Peer{}, false
	}
	return d.peers[i], true
}

// put returns the text of d with peer in it: in place of the line that has its key, or on a new line at the end. An
// empty label and options that are nil leave the old ones, but make a provisional peer one for good.
func (d *document) put(peer Peer) (string, error) {
	old, found := d.get(peer.Key)
	if peer.Label == "" {
		peer.Label = old.Label
	}
	if peer.Options == nil {
		peer.Options = withoutProvisional(old.Options)
	}
	if found && peer.equal(old) {
		return d.text, nil
	}
	for _, other := range d.peers {
		if peer.Label != "" && peer.Label != old.Label && other.Label == peer.Label {
			return "", fmt.Errorf("%w: %q is %s", ErrLabelTaken, other.Label, other.Key)
		}
	}
	text := peer.String()
	if len(text) > lineLimit {
		return "", fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrLineTooLong, len(text), lineLimit)
	}
	if found {
		text = d.rewrite(func(l line) string {
			if l.err == nil && l.peer.Key == peer.Key {
				return text + lineEnd(l.text)
			}
			return l.text
		})
	} else {
		text = d.extend(text)
	}
	if len(text) > fileLimit {
		return "", fmt.Errorf("%w: it would have %d bytes, at most %d are allowed", ErrFileTooLarge, len(text), fileLimit)
	}
	return text, nil
}

// remove returns the text of d without any line that begins with key, bad ones included: a bad line that is mended
// later must not bring the peer back.
func (d *document) remove(key identity.PublicKey) (text string, found bool) {
	text = d.rewrite(func(l line) string {
		if l.peer.Key == key {
			found = true
			return ""
		}
		return l.text
	})
	return text, found
}

// rewrite returns the text of d with each line, its end included, replaced by the result of f.
func (d *document) rewrite(f func(line) string) string {
	var b strings.Builder
	for _, l := range d.lines {
		b.WriteString(f(l))
	}
	return b.String()
}

// extend returns the text of d with text on a new line, which ends as the line before it does.
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
