package envelope

import (
	"cmp"
	"errors"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// ErrEncode reports a Go value that has no encoding: a func, a chan or the like, or a value whose own method of
// encoding failed or panicked.
var ErrEncode = values.ErrEncode

// appendInside appends v to out. v will lie inside depth arrays of an envelope that holds elements values, v included
// but not the values inside v. The appended bytes have passed the guard. After an error it returns b.
func appendInside(b, out []byte, v any, depth, elements int) ([]byte, error) {
	switch v := v.(type) { // the most frequent ones without reflection, which costs more than the rest of a call's encoding
	case Raw:
		return appendRaw(b, out, v, depth, elements)
	case string:
		return appendString(out, v), nil
	case []byte:
		if v == nil {
			return append(out, codeNil), nil
		}
		return appendBinary(out, v), nil
	}
	return values.Append(native{}, b, out, v, depth, elements)
}

// appendRaw is appendInside for a Raw.
func appendRaw(b, out []byte, r Raw, depth, elements int) ([]byte, error) {
	data, err := r.msgpack()
	if err != nil {
		return b, err
	}
	start := len(out)
	out = append(out, data...)
	w := walker{elements: elements}
	if err := w.rest(out, start, depth); err != nil {
		return b, err
	}
	return out, nil
}

// growFor returns b. If b has no room for v, it is grown by v and around bytes more, so that a large v is copied once.
func growFor(b []byte, v any, around int) []byte {
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	case Raw:
		n = len(v.b)
	}
	if n <= cap(b)-len(b) {
		return b
	}
	return slices.Grow(b, n+around)
}

// encode returns v as its own method encodes it with the library's encoder, whose settings are those of the package
// comment. The bytes have not passed the guard.
func encode(v msgpack.CustomEncoder) ([]byte, error) {
	s := sink{check: firstCheck}
	enc := msgpack.NewEncoder(&s)
	enc.SetCustomStructTag("json")
	enc.UseCompactInts(true)
	err := v.EncodeMsgpack(enc)
	return s.b, cmp.Or(s.err, err)
}

// firstCheck is the size at which a sink checks its bytes for the first time.
const firstCheck = 4096

// A sink is the slice that the library encodes to. The library follows pointers without end, so a value that holds
// itself would overflow the stack, which ends the process. To stop that, the sink checks the guard's limits of depth
// and number each time its size has doubled.
type sink struct {
	b     []byte
	check int   // the length of b at which to check next
	err   error // ErrDepth or ErrElements, once found
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), s.checkLimits()
}

// WriteByte implements io.ByteWriter.
func (s *sink) WriteByte(c byte) error {
	s.b = append(s.b, c)
	return s.checkLimits()
}

// checkLimits returns the error that was found, and looks for one if b has doubled.
func (s *sink) checkLimits() error {
	if len(s.b) < s.check || s.err != nil {
		return s.err
	}
	s.check = 2 * len(s.b)
	w := walker{elements: 1, partial: true}
	_, err := w.value(s.b, 0, 0)
	if errors.Is(err, ErrDepth) || errors.Is(err, ErrElements) {
		s.err = err
	}
	return s.err
}
