package envelope

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// ErrEncode reports a Go value that has no encoding: a func, a chan or the like, or a value whose own method of
// encoding failed or panicked.
var ErrEncode = errors.New("envelope: the value cannot be encoded")

// appendInside appends v, which will lie inside depth arrays of an envelope that holds elements values, v included but
// not the values inside v. The appended bytes have passed the guard. After an error the slice means nothing.
//
// A panic of a method of v is an error.
func appendInside(b []byte, v any, depth, elements int) (_ []byte, err error) {
	if r, ok := v.(Raw); ok {
		return appendRaw(b, r, depth, elements)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: encoding %T panicked: %v", ErrEncode, v, r)
		}
	}()
	w := writer{walker: walker{elements: elements}, b: b, outer: depth}
	err = w.value(reflect.ValueOf(v), depth)
	return w.b, err
}

// appendRaw is appendInside for a Raw.
func appendRaw(b []byte, r Raw, depth, elements int) ([]byte, error) {
	value, err := r.msgpack()
	if err != nil {
		return nil, err
	}
	start := len(b)
	b = append(b, value...)
	return b, guardFrom(b, start, depth, elements)
}

// makeRoom returns b. If b has no room for v, it is grown by v and around bytes more, so that a large v is copied once.
func makeRoom(b []byte, v any, around int) []byte {
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
