package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// Reasons why a valid value does not become a Go value.
var (
	// ErrDecode reports a value that the given Go type cannot hold. ErrRange and ErrMapKey come with it.
	ErrDecode = errors.New("envelope: the value does not fit the Go type")
	// ErrRange reports an integer outside the range of the given Go type.
	ErrRange = errors.New("envelope: an integer out of range")
)

// DecodeValue implements Codec.
//
// nil decodes into the zero value of most types; strings and binaries into string and []byte alike; integers into floats, but
// not floats into integers. An integer that the type cannot hold is ErrRange if v points to it; within structs, slices and
// maps the library keeps its low bits.
//
// Into any: nil, bool, int64 (uint64 above 2^63-1), float32 and float64 as sent, string, []byte, time.Time in the local
// zone, []any, and map[string]any, or map[any]any if not all keys are strings. Maps with keys that Go cannot look up
// are refused with ErrMapKey. If v is a *any, the old value of *v does not matter.
func (msgpackCodec) DecodeValue(data []byte, v any) error {
	if err := guardAll(data); err != nil {
		return err
	}
	var err error
	if pointer := reflect.ValueOf(v); pointer.Kind() == reflect.Pointer && !pointer.IsNil() {
		err = decodeInto(data, v)
	} else {
		err = decode(data, v) // the library says what is wrong with v
	}
	if err != nil {
		return fmt.Errorf("%w: a %s into %T: %w", ErrDecode, forms[data[0]].family, v, err)
	}
	return nil
}

// decodeInto decodes guarded bytes into v, a pointer that is not nil. It sets the most common types itself; the library
// decodes the others.
func decodeInto(data []byte, v any) (err error) {
	var b []byte
	switch v := v.(type) {
	case *any:
		*v, _, err = anyAt(data, 0)
	case *string:
		b, err = bytesAt(data)
		*v = string(b)
	case *[]byte:
		b, err = bytesAt(data)
		*v = bytes.Clone(b)
	case *bool:
		*v, err = boolAt(data)
	case *int, *int8, *int16, *int32, *int64, *uint, *uint8, *uint16, *uint32, *uint64:
		err = decodeInteger(data, reflect.ValueOf(v).Elem())
	case *Raw:
		*v = Raw{msgpackCodec{}, bytes.Clone(data)}
	default:
		err = decode(data, v)
	}
	return err
}

// bytesAt returns the contents of the string or binary in b; nil for nil.
func bytesAt(b []byte) ([]byte, error) {
	if b[0] == codeNil {
		return nil, nil
	}
	if data, err := bin(b, 0); err == nil {
		return data, nil
	}
	return text(b, 0)
}

var errBool = errors.New("not a bool")

// boolAt returns the bool in b; false for nil.
func boolAt(b []byte) (bool, error) {
	if f := forms[b[0]].family; f != familyBool && f != familyNil {
		return false, errBool
	}
	return b[0] == codeTrue, nil
}

// decodeInteger sets v, of an integer type, to the integer in b, or to 0 for nil.
func decodeInteger(b []byte, v reflect.Value) error {
	u, negative, ok := integer(b, 0) // 0 for nil
	switch {
	case !ok && b[0] != codeNil:
		return ErrInteger
	case v.CanInt() && (negative || u <= math.MaxInt64) && !v.OverflowInt(int64(u)):
		v.SetInt(int64(u))
	case v.CanUint() && !negative && !v.OverflowUint(u):
		v.SetUint(u)
	default:
		return ErrRange
	}
	return nil
}

// A decoder is the library's decoder with what it reads from.
type decoder struct {
	dec *msgpack.Decoder
	src source
}

var decoders = sync.Pool{New: func() any { return &decoder{dec: msgpack.NewDecoder(nil)} }}

// decode decodes guarded bytes through the library, in the way that the package comment says.
func decode(data []byte, v any) (err error) {
	d := decoders.Get().(*decoder)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		// An error may leave the decoder in a state in which it records all that it reads: drop it.
		if err == nil {
			d.src = source{}
			d.dec.ResetReader(nil)
			decoders.Put(d)
		}
	}()
	d.src = newSource(data)
	d.dec.Reset(&d.src)
	d.dec.SetCustomStructTag("json")
	d.dec.SetMapDecoder(decodeMap)
	return d.dec.Decode(v)
}

// decodeMap makes the library decode a map into any as mapAt does.
func decodeMap(dec *msgpack.Decoder) (any, error) {
	b, err := nextValue(dec)
	if err != nil {
		return nil, err
	}
	v, _, err := anyAt(b, 0)
	return v, err
}

// nextValue returns the bytes of the value that dec would decode next, and skips it. They may alias the bytes that dec
// reads. If dec does not read from a source, because a method of the application made it, nextValue guards the bytes.
func nextValue(dec *msgpack.Decoder) ([]byte, error) {
	if s, ok := dec.Buffered().(*source); ok {
		return s.next()
	}
	b, err := dec.DecodeRaw()
	if err == nil {
		err = guardAll(b)
	}
	return b, err
}
