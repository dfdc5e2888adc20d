package values

import (
	"bytes"
	"strings"
)

// Words of the notation for values that JSON has no form for (wire.md §13.5). Each is the only key of an object.
const (
	WordAtom     = "$atom"     // {"$atom": NAME}
	WordTuple    = "$tuple"    // {"$tuple": [ELEMENT, ...]}
	WordBinary   = "$binary"   // {"$binary": BASE64}
	WordAtoms    = "$atoms"    // {"$atoms": {NAME: VALUE, ...}}, a map whose keys are all atoms
	WordMap      = "$map"      // {"$map": [[KEY, VALUE], ...]}
	WordImproper = "$improper" // {"$improper": [[ELEMENT, ...], TAIL]}
)

// Word returns the word that key is; "" if it is none.
func Word(key string) string {
	switch key {
	case WordAtom, WordTuple, WordBinary, WordAtoms, WordMap, WordImproper:
		return key
	}
	return ""
}

// appendKey appends the key of an object. One that is a word, or a word after further signs $, gets a $ in front, so that no
// data is taken for notation.
func appendKey(out, key []byte) []byte {
	if bare := bytes.TrimLeft(key, "$"); len(bare) < len(key) && Word("$"+string(bare)) != "" {
		key = append([]byte{'$'}, key...)
	}
	return appendText(out, key)
}

// Unescape returns the key that appendKey wrote as key, which is not a word.
func Unescape(key string) string {
	if rest, escaped := strings.CutPrefix(key, "$$"); escaped && Word("$"+strings.TrimLeft(rest, "$")) != "" {
		return key[1:]
	}
	return key
}
