package etf

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/jsontext"
)

// AppendJSON implements envelope.Codec. What JSON has no form for is in the notation of wire.md §13.5, which FromJSON of
// package envelope reads back: atoms, tuples, improper lists, binaries that are not UTF-8, and maps with keys that are not
// strings. Integers have all their digits, floats a fraction or an exponent. Every control character is escaped, so that no peer
// can control a terminal.
func (codec) AppendJSON(b, data []byte) ([]byte, error) {
	if err := guard(data); err != nil {
		return b, err
	}
	w := jsonWriter{b: data, out: b}
	w.term(0)
	return w.out, nil
}

// appendText appends the guarded term at b[p] as JSON, for people. It leaves out what would begin after envelope.MaxText bytes.
func appendText(out, b []byte, p int) []byte {
	w := jsonWriter{b: b, out: out, most: len(out) + envelope.MaxText}
	w.term(p)
	return w.out
}

// A jsonWriter writes guarded terms as JSON.
type jsonWriter struct {
	b, out []byte
	most   int // length of out after which no element begins; 0: there is no limit
}

// term writes the term at b[p] and returns where it ends. It recurses as deep as the term nests.
func (w *jsonWriter) term(p int) (end int) {
	tag := w.b[p]
	switch {
	case isAtom(tag):
		w.atom(p)
	case isInteger(tag):
		w.integer(integerAt(w.b, p))
	case tag == tagFloat:
		w.out = append(w.out, jsontext.Float(floatAt(w.b, p), 64)...)
	case tag == tagBinary:
		w.binary(contents(w.b, p))
	case isTuple(tag):
		n, p, _ := header(w.b, p)
		return w.noted(jsontext.Tuple, func() int { return w.list(p, int(n)) })
	case tag == tagMap:
		return w.mapping(p)
	case tag == tagList:
		return w.anyList(p)
	default: // the empty list, or one of bytes
		w.bytes(p)
	}
	return skip(w.b, p)
}

// noted writes an object with the one key word, whose value write writes.
func (w *jsonWriter) noted(word string, write func() int) (end int) {
	w.out = append(jsontext.AppendString(append(w.out, '{'), []byte(word)), ':')
	end = write()
	w.out = append(w.out, '}')
	return end
}

func (w *jsonWriter) string(s []byte) { w.out = jsontext.AppendString(w.out, s) }

// atom writes null, true, false or the notation of an atom.
func (w *jsonWriter) atom(p int) {
	switch name := atomAt(w.b, p); string(name) {
	case "nil":
		w.out = append(w.out, "null"...)
	case "true", "false":
		w.out = append(w.out, name...)
	default:
		w.noted(jsontext.Atom, func() int { w.string(name); return 0 })
	}
}

// integer writes all digits.
func (w *jsonWriter) integer(i integer) {
	switch {
	case i.large != nil:
		w.out = i.big().Append(w.out, 10)
		return
	case i.negative:
		w.out = append(w.out, '-')
	}
	w.out = strconv.AppendUint(w.out, i.small, 10)
}

// binary writes a string, or the notation of a binary that is not UTF-8.
func (w *jsonWriter) binary(data []byte) {
	if utf8.Valid(data) {
		w.string(data)
		return
	}
	w.noted(jsontext.Binary, func() int {
		w.out = append(base64.StdEncoding.AppendEncode(append(w.out, '"'), data), '"')
		return 0
	})
}

// each writes n values between first and last, with commas. write writes one, from p on, and returns where it ends.
func (w *jsonWriter) each(first, last byte, p, n int, write func(p int) int) (end int) {
	w.out = append(w.out, first)
	for i := range n {
		if w.most > 0 && len(w.out) > w.most {
			p = skip(w.b, p)
			continue
		}
		if i > 0 {
			w.out = append(w.out, ',')
		}
		p = write(p)
	}
	w.out = append(w.out, last)
	return p
}

// list writes n terms from p on as an array.
func (w *jsonWriter) list(p, n int) (end int) { return w.each('[', ']', p, n, w.term) }

// bytes writes the empty list, or a list of bytes.
func (w *jsonWriter) bytes(p int) {
	var elements []byte
	if w.b[p] == tagString {
		elements = contents(w.b, p)
	}
	w.out = append(w.out, '[')
	for i, c := range elements {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = strconv.AppendUint(w.out, uint64(c), 10)
	}
	w.out = append(w.out, ']')
}

// anyList writes a list that may be improper.
func (w *jsonWriter) anyList(p int) (end int) {
	n, p, _ := header(w.b, p)
	tail := skipMany(w.b, p, int(n))
	if w.b[tail] == tagNil {
		return w.list(p, int(n)) + 1
	}
	return w.noted(jsontext.Improper, func() int {
		w.out = append(w.out, '[')
		w.list(p, int(n))
		w.out = append(w.out, ',')
		end := w.term(tail)
		w.out = append(w.out, ']')
		return end
	})
}

// mapping writes an object if all keys are strings; the notation of a map with atoms as keys if all are atoms; otherwise that of
// a map with any keys, in pairs.
func (w *jsonWriter) mapping(p int) (end int) {
	n, p, _ := header(w.b, p)
	switch {
	case hasStringKeys(w.b, p, int(n)):
		return w.object(p, int(n), contents)
	case hasAtomKeys(w.b, p, int(n)):
		return w.noted(jsontext.Atoms, func() int { return w.object(p, int(n), atomAt) })
	}
	return w.noted(jsontext.Map, func() int {
		return w.each('[', ']', p, int(n), func(p int) int {
			w.out = append(w.out, '[')
			p = w.term(p)
			w.out = append(w.out, ',')
			p = w.term(p)
			w.out = append(w.out, ']')
			return p
		})
	})
}

// object writes n entries from p on. key returns the text of one.
func (w *jsonWriter) object(p, n int, key func(b []byte, p int) []byte) (end int) {
	return w.each('{', '}', p, n, func(p int) int {
		w.out = append(jsontext.AppendKey(w.out, key(w.b, p)), ':')
		return w.term(skip(w.b, p))
	})
}

// hasAtomKeys reports whether the keys of the n entries from b[p] on are all atoms.
func hasAtomKeys(b []byte, p, n int) bool {
	for range n {
		if !isAtom(b[p]) {
			return false
		}
		p = skip(b, skip(b, p))
	}
	return true
}
