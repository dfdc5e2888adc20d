package envelope

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes that the name of a handler may have (wire.md §6.3). It bounds the names that a peer can
// make us look up and log.
const MaxName = 255

// Reasons to refuse a name.
var (
	// ErrNameLength reports a name of 0 or more than MaxName bytes.
	ErrNameLength = errors.New("envelope: a name has 1 to 255 bytes")
	// ErrNameUTF8 reports a name that is not valid UTF-8.
	ErrNameUTF8 = errors.New("envelope: a name is UTF-8")
	// ErrNameControl reports a control character in a name: U+0000 to U+001F, U+007F to U+009F.
	ErrNameControl = errors.New("envelope: a name has no control characters")
	// ErrNameReserved reports a name that begins with "$/", which only the protocol's own messages may have.
	ErrNameReserved = errors.New("envelope: a name that begins with $/ is the protocol's")
)

// reserved is the prefix of the names of the protocol's own messages.
const reserved = "$/"

// Reserved reports whether name is one of the protocol's own, known to this version or not: it begins with "$/"
// (wire.md §11).
func Reserved(name []byte) bool { return bytes.HasPrefix(name, []byte(reserved)) }

// CheckName returns why an application may not use name for a handler, a call or a send; nil if it may. A name is UTF-8 of
// 1 to 255 bytes without control characters that does not begin with "$/". Names are compared byte by byte, never
// normalised.
func CheckName(name string) error {
	if strings.HasPrefix(name, reserved) {
		return ErrNameReserved
	}
	return checkName(name)
}

// checkName is CheckName for names as they travel, the protocol's included.
func checkName[T string | []byte](name T) error {
	if len(name) == 0 || len(name) > MaxName {
		return ErrNameLength
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c < ' ' || c == 0x7f:
			return ErrNameControl
		case c >= utf8.RuneSelf:
			return checkUnicode(string(name))
		}
	}
	return nil
}

// checkUnicode is checkName for names that are not all ASCII.
func checkUnicode(name string) error {
	if !utf8.ValidString(name) {
		return ErrNameUTF8
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return ErrNameControl
	}
	return nil
}
