package pairing

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The numbers of codes: wire.md §14.3. A number finds the offer and is no secret.
const (
	FirstNumber = 10
	LastNumber  = 999
)

// codeLimit bounds the text that ParseCode reads, in bytes. The longest code has 21.
const codeLimit = 64

// Reasons to refuse a text as a code.
var (
	// ErrCode is returned for a text that is not a number and two words.
	ErrCode = errors.New("not a pairing code")
	// ErrWord is returned for a word that is not in the list. The text names the word that was meant, if that is sure.
	ErrWord = errors.New("no such word in a pairing code")
)

// A Code is what one person reads to another: a number, which is announced, and two words, which are secret. It prints as
// its number alone; [Code.Text] has the words. The zero value is no code.
type Code struct {
	number uint16
	words  [2]byte // numbers of wordList
}

// NewCode returns a random code. It reads 2 bytes of random for the words and, on average, 2.1 for the number.
func NewCode(random io.Reader) (Code, error) {
	var c Code
	if _, err := io.ReadFull(random, c.words[:]); err != nil {
		return Code{}, fmt.Errorf("making a pairing code: %w", err)
	}
	for c.number < FirstNumber || c.number > LastNumber {
		var b [2]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return Code{}, fmt.Errorf("making a pairing code: %w", err)
		}
		c.number = (uint16(b[0])<<8 | uint16(b[1])) % 1024 // what is out of range is drawn again, so all are equally likely
	}
	return c, nil
}

// ParseCode reads a code as a person types it: in either case, with spaces, hyphens or nothing between its parts. It fails
// with [ErrCode] or [ErrWord]. Of the words, the error quotes only one that is in no code.
func ParseCode(text string) (Code, error) {
	if len(text) > codeLimit || !utf8.ValidString(text) {
		return Code{}, fmt.Errorf("%w: too long", ErrCode)
	}
	var digits, letters strings.Builder
	var parts []string // the letters between what separates them
	gap := true
	for _, char := range text {
		switch {
		case char >= '0' && char <= '9' && letters.Len() == 0:
			digits.WriteRune(char)
			gap = true
		case char <= unicode.MaxASCII && unicode.IsLetter(char):
			if gap {
				parts = append(parts, "")
			}
			parts[len(parts)-1] += string(unicode.ToLower(char))
			letters.WriteRune(unicode.ToLower(char))
			gap = false
		case unicode.IsSpace(char) || unicode.Is(unicode.Pd, char) || char == '_':
			gap = true
		default:
			return Code{}, fmt.Errorf("%w: it has the character %#U; a code is like 42-otter-velvet", ErrCode, char)
		}
	}
	number, err := strconv.ParseUint(digits.String(), 10, 16)
	if err != nil || number < FirstNumber || number > LastNumber || digits.String()[0] == '0' {
		return Code{}, fmt.Errorf("%w: it begins with a number from %d to %d, as in 42-otter-velvet", ErrCode, FirstNumber, LastNumber)
	}
	pair, err := parseWords(letters.String(), parts)
	return Code{number: uint16(number), words: pair}, err
}

// parseWords finds the two words whose letters are given, in parts as they were typed.
func parseWords(letters string, parts []string) ([2]byte, error) {
	for i := 1; i < len(letters); i++ {
		first, found := wordNumbers[letters[:i]]
		second, foundToo := wordNumbers[letters[i:]]
		if found && foundToo {
			return [2]byte{first, second}, nil
		}
	}
	if len(parts) != 2 {
		return [2]byte{}, fmt.Errorf("%w: two words follow the number, as in 42-otter-velvet", ErrCode)
	}
	for _, part := range parts {
		if _, found := wordNumbers[part]; found {
			continue
		}
		if meant := nearest(part); meant != "" {
			return [2]byte{}, fmt.Errorf("%w: %q; is it %q?", ErrWord, part, meant)
		}
		return [2]byte{}, fmt.Errorf("%w: %q", ErrWord, part)
	}
	panic("two words of the list are not two words")
}

// Number returns the number that an offer of this code is announced by.
func (c Code) Number() uint16 { return c.number }

// IsZero reports whether c is the zero value, which is no code.
func (c Code) IsZero() bool { return c.number == 0 }

// Text returns the code as people read it, such as 42-otter-velvet. Anybody who has it can pair.
func (c Code) Text() string {
	return strconv.Itoa(int(c.number)) + "-" + words[c.words[0]] + "-" + words[c.words[1]]
}

// password appends the password of CPace to b: the words with a hyphen between them, as Text has them.
func (c Code) password(b []byte) []byte {
	b = append(b, words[c.words[0]]...)
	b = append(b, '-')
	return append(b, words[c.words[1]]...)
}

// String returns the number and hides the words.
func (c Code) String() string { return strconv.Itoa(int(c.number)) + "-…" }

// GoString is String: the verb %#v must not show the words.
func (c Code) GoString() string { return c.String() }

// Format makes every verb of fmt print String.
func (c Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.String()) }
