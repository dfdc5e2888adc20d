package trust

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// blanks are the characters between the fields of a line.
const blanks = " \t"

// parsePeer reads a line that is neither blank nor a comment, without its end. If the line is bad but its key is
// legible, the peer beside the error has the key.
func parsePeer(text string) (Peer, error) {
	word, rest := cutWord(strings.Trim(text, blanks))
	key, err := identity.ParsePublicKey(word)
	if err != nil {
		return Peer{}, err
	}
	peer := Peer{Key: key}
	peer.Options, rest, err = cutOptions(rest)
	if err == nil {
		peer.Label, err = parseLabel(rest)
	}
	if err == nil {
		err = peer.check()
	}
	if err != nil {
		return Peer{Key: key}, err
	}
	return peer, nil
}

// String returns the peer as a line of a peers file, without an end. A peer of a [Set] is read back from it as it was.
func (p Peer) String() string {
	var b strings.Builder
	b.WriteString(p.Key.String())
	for _, option := range p.Options {
		value := option.Value
		if strings.ContainsAny(value, ` "`) {
			value = quote(value)
		}
		b.WriteString(" " + option.Name + "=" + value)
	}
	label := p.Label
	word, _ := cutWord(label)
	if strings.HasPrefix(label, `"`) || strings.Contains(word, "=") || strings.Contains(" "+label, " #") || misplaced.MatchString(label) {
		label = quote(label)
	}
	if label != "" {
		b.WriteString(" " + label)
	}
	return b.String()
}

// cutWord returns text up to the first blank, and the rest after the blanks that follow it.
func cutWord(text string) (word, rest string) {
	i := strings.IndexAny(text, blanks)
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimLeft(text[i:], blanks)
}

// cutOptions reads options until the label or the end, and returns the rest.
func cutOptions(text string) (options []Option, rest string, err error) {
	for {
		word, _ := cutWord(text)
		name, _, found := strings.Cut(word, "=")
		if !found || word[0] == '"' {
			return options, text, nil
		}
		value, rest, err := cutValue(text[len(name)+len("="):])
		if err != nil {
			return nil, "", fmt.Errorf("option %.80q: %w", name, err)
		}
		options = append(options, Option{name, value})
		text = rest
	}
}

// cutValue reads the value of an option, and returns the rest after the blanks that follow it.
func cutValue(text string) (value, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		return unquote(text)
	}
	value, rest = cutWord(text)
	if strings.Contains(value, `"`) {
		return "", "", fmt.Errorf("%w: in the middle of a value", ErrQuote)
	}
	return value, rest, nil
}

// misplaced matches what could be meant as an option in a label: an option after other words, with blanks around its "=" or
// with ":" in place of it, and an address.
var misplaced = regexp.MustCompile(`(?:^|\s)(?:-*(?i:addr|dialect)\s*[=:]|-*` + addrSpelling + `\s*=|` +
	`(?:-*` + addrSpelling + `[\s:]+|\S*=\s+|=)\S*:\d+(?:\s|$)|(?:\[\S*\]|\S*\.\S*):\d+(?:\s|$))`)

// parseLabel reads the rest of a line after the options.
func parseLabel(text string) (string, error) {
	if strings.HasPrefix(text, `"`) {
		label, rest, err := unquote(text)
		if err == nil && rest != "" && rest[0] != '#' {
			err = fmt.Errorf("%w: text after a quoted label", ErrQuote)
		}
		return strings.TrimSpace(label), err
	}
	if strings.HasPrefix(text, "#") {
		return "", nil // a comment
	}
	if strings.Contains(text, " #") || strings.Contains(text, "\t#") {
		return "", ErrComment
	}
	if option := misplaced.FindString(text); option != "" {
		return "", fmt.Errorf("%w: %.80q", ErrOptionName, option)
	}
	return strings.TrimSpace(text), nil
}

// quote returns text between quotation marks.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// unquote reads a text in the form of quote at the beginning of text, and returns the rest after the blanks that follow it.
func unquote(text string) (unquoted, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			rest = strings.TrimLeft(text[i+1:], blanks)
			if rest != "" && rest == text[i+1:] {
				return "", "", fmt.Errorf("%w: text right after a quotation", ErrQuote)
			}
			return b.String(), rest, nil
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			return "", "", fmt.Errorf(`%w: only \" and \\ are allowed`, ErrQuote)
		}
	}
	return "", "", fmt.Errorf("%w: the quotation is not closed", ErrQuote)
}
