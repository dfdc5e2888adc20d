package values

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the guarded value at b[p] as JSON. In the BEAM dialect, what JSON has no form for is in the notation of
// wire.md §13.5. If most is not 0, it leaves out elements that would begin after that many bytes.
func AppendJSON(f Format, out, b []byte, p, most int) ([]byte, error) {
	w := jsonWriter{reader{f, f.Terms(), b}, out, most}
	_, err := w.value(p)
	return w.out, err
}

// A jsonWriter writes guarded values as JSON.
type jsonWriter struct {
	reader
	out  []byte
	most int
}

// value writes the value at p and returns where it ends. It recurses as deep as the value nests.
func (w *jsonWriter) value(p int) (end int, err error) {
	h := w.f.Head(w.b, p)
	switch {
	case h.Kind < List:
		w.out = h.appendJSON(w.out, w.b)
		return h.Next, nil
	case h.Kind == Map:
		return w.mapping(h)
	case h.Kind == Tuple:
		return w.noted(WordTuple, func() (int, error) { return w.array(h) })
	case h.Kind == LongList:
		return w.longList(h)
	}
	return w.array(h)
}

// appendJSON appends the JSON of a value of b that is no list, tuple or map.
func (h Head) appendJSON(out, b []byte) []byte {
	switch h.Kind {
	case Nil:
		return append(out, "null"...)
	case False, True:
		return strconv.AppendBool(out, h.Kind == True)
	case Int:
		return strconv.AppendInt(out, int64(h.N), 10)
	case Uint:
		return strconv.AppendUint(out, h.N, 10)
	case Big:
		return h.Integer(b).Append(out, 10)
	case Float32:
		return appendFloat(out, h.float(), 32)
	case Float64:
		return appendFloat(out, h.float(), 64)
	case Atom, Latin:
		return append(appendText(appendWord(out, WordAtom), h.Name(b)), '}')
	case Binary:
		return appendBase64(out, h.bytes(b))
	case Text:
		if !utf8.Valid(h.bytes(b)) {
			return append(appendBase64(appendWord(out, WordBinary), h.bytes(b)), '}')
		}
	case Time:
		t := h.time().UTC()
		if t.Year() < 0 || t.Year() > 9999 {
			return append(out, "null"...)
		}
		return t.AppendFormat(out, `"`+time.RFC3339Nano+`"`)
	}
	return appendText(out, h.bytes(b))
}

func appendBase64(out, data []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(out, '"'), data), '"')
}

// appendWord appends what an object with the one key word begins with.
func appendWord(out []byte, word string) []byte {
	return append(appendText(append(out, '{'), []byte(word)), ':')
}

// noted writes an object with the one key word, whose value write writes.
func (w *jsonWriter) noted(word string, write func() (int, error)) (end int, err error) {
	w.out = appendWord(w.out, word)
	end, err = write()
	w.out = append(w.out, '}')
	return end, err
}

// each writes n values between first and last, with commas. write writes one, from p on, and returns where it ends.
func (w *jsonWriter) each(first, last byte, p, n int, write func(p int) (int, error)) (end int, err error) {
	w.out = append(w.out, first)
	for i := 0; i < n && err == nil; i++ {
		if w.most > 0 && len(w.out) > w.most {
			p = w.f.Skip(w.b, p)
			continue
		}
		if i > 0 {
			w.out = append(w.out, ',')
		}
		p, err = write(p)
	}
	w.out = append(w.out, last)
	return p, err
}

// array writes the elements of a list or a tuple.
func (w *jsonWriter) array(h Head) (end int, err error) {
	in, p, n := w.elements(h)
	if h.Kind != ByteList {
		return w.each('[', ']', p, n, w.value)
	}
	inner := jsonWriter{*in, w.out, w.most}
	_, err = inner.each('[', ']', p, n, inner.value)
	w.out = inner.out
	return h.Next, err
}

// longList writes a list that may be improper.
func (w *jsonWriter) longList(h Head) (end int, err error) {
	tail := w.skipMany(h.Next, int(h.N))
	if end, isProper := w.tail(tail); isProper {
		_, err = w.array(h)
		return end, err
	}
	return w.noted(WordImproper, func() (int, error) {
		w.out = append(w.out, '[')
		if _, err := w.array(h); err != nil {
			return 0, err
		}
		w.out = append(w.out, ',')
		end, err := w.value(tail)
		w.out = append(w.out, ']')
		return end, err
	})
}

// skipMany returns where the last of n values from p on ends.
func (r *reader) skipMany(p, n int) (end int) {
	for range n {
		p = r.f.Skip(r.b, p)
	}
	return p
}

// mapping writes a map. In the BEAM dialect it is an object if all keys are strings; the notation of a map with atoms as keys if
// all are atoms; otherwise that of a map with any keys, in pairs.
func (w *jsonWriter) mapping(h Head) (end int, err error) {
	object := func() (int, error) { return w.each('{', '}', h.Next, int(h.N), w.entry) }
	switch {
	case w.terms == nil || w.haveKeys(h, func(key Head) bool { return key.isString(w.b) }):
		return object()
	case w.haveKeys(h, Head.IsAtom):
		return w.noted(WordAtoms, object)
	}
	return w.noted(WordMap, func() (int, error) {
		return w.each('[', ']', h.Next, int(h.N), func(p int) (int, error) { return w.each('[', ']', p, 2, w.value) })
	})
}

// haveKeys reports whether all keys of a map are of that kind.
func (w *jsonWriter) haveKeys(h Head, isSuch func(key Head) bool) bool {
	p := h.Next
	for range h.N {
		if !isSuch(w.f.Head(w.b, p)) {
			return false
		}
		p = w.skipMany(p, 2)
	}
	return true
}

// entry writes the key at p and its value. A key that is neither a string nor an atom is written as a string of its JSON. An
// array or a map as a key would be quoted again at each level, and would double in size each time.
func (w *jsonWriter) entry(p int) (end int, err error) {
	key := w.f.Head(w.b, p)
	var text []byte
	switch {
	case key.Kind == Map:
		return 0, fmt.Errorf("%w: map", ErrMapKey)
	case key.Kind >= List:
		return 0, fmt.Errorf("%w: array", ErrMapKey)
	case w.terms == nil && key.Kind != String:
		text = bytes.Trim(key.appendJSON(nil, w.b), `"`)
	default:
		text = key.Name(w.b)
	}
	w.out = append(appendKey(w.out, text), ':')
	return w.value(key.Next)
}
