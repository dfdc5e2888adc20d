package envelope

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// ErrEncode reports a Go value that has no encoding: a func, a chan or the like, or a value whose own method of
// encoding failed or panicked.
var ErrEncode = errors.New("envelope: the value cannot be encoded")

// appendInside appends v, which will lie inside depth arrays of an envelope that holds elements values, v included but
// not the values inside v. The appended bytes have passed the guard. After an error the slice means nothing.
//
// It writes the types that most arguments have itself. They cannot fail the guard, so they are not read again. The
// library writes the others. Both write the same bytes.
func appendInside(b []byte, v any, depth, elements int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, codeNil), nil
	case bool:
		return appendBool(b, v), nil
	case int:
		return appendInt(b, int64(v)), nil
	case int8, int16, int32, int64:
		return appendInt(b, reflect.ValueOf(v).Int()), nil
	case uint, uint8, uint16, uint32, uint64:
		return appendUint(b, reflect.ValueOf(v).Uint()), nil
	case float64:
		return appendFloat(b, v), nil
	case string:
		return appendString(b, v), nil
	case []byte:
		if v == nil {
			return append(b, codeNil), nil
		}
		return appendBinary(b, v), nil
	case Raw:
		return appendRaw(b, v, depth, elements)
	}
	start := len(b)
	b, err := encode(b, v)
	if err == nil {
		err = guardFrom(b, start, depth, elements)
	}
	return b, err
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

// An encoder is the library's encoder with the slice that it writes to.
type encoder struct {
	enc  *msgpack.Encoder
	sink sink
}

var encoders = sync.Pool{New: func() any { return &encoder{enc: msgpack.NewEncoder(nil)} }}

// encode appends v as the library encodes it, with the settings of the package comment. The bytes have not passed the
// guard: methods of v may have written some of them.
func encode(b []byte, v any) (_ []byte, err error) {
	e := encoders.Get().(*encoder)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: encoding %T panicked: %v", ErrEncode, v, r)
			return // e is dropped: it may be in any state
		}
		e.sink = sink{}
		e.enc.ResetWriter(nil)
		encoders.Put(e)
	}()
	e.sink = sink{b: b, start: len(b), check: len(b) + firstCheck}
	e.enc.Reset(&e.sink)
	e.enc.SetCustomStructTag("json")
	e.enc.UseCompactInts(true)
	err = e.enc.Encode(v)
	switch {
	case e.sink.err != nil:
		return nil, e.sink.err
	case err != nil:
		return nil, fmt.Errorf("%w: encoding %T: %w", ErrEncode, v, err)
	}
	return e.sink.b, nil
}

// firstCheck is the size at which a sink checks its bytes for the first time.
const firstCheck = 4096

// A sink is the slice that the library encodes to. The library follows pointers without end, so a value that holds
// itself would overflow the stack, which ends the process. To stop that, the sink checks the guard's limits of depth
// and number each time its size has doubled.
type sink struct {
	b     []byte
	start int   // where the value begins
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
	s.check = s.start + 2*(len(s.b)-s.start)
	w := walker{elements: 1, partial: true}
	_, err := w.value(s.b, s.start, 0)
	if errors.Is(err, ErrDepth) || errors.Is(err, ErrElements) {
		s.err = err
	}
	return s.err
}
