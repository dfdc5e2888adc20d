package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// Reasons why a good value does not become a Go value.
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
// are refused with ErrMapKey. What *v held before does not matter if v is a *any.
func (msgpackCodec) DecodeValue(data []byte, v any) error {
	if err := guardAll(data); err != nil {
		return err
	}
	ok := true
	var err error
	switch v := v.(type) {
	case *any:
		if ok = v != nil; ok {
			*v, _, err = anyAt(data, 0)
		}
	case *string:
		if ok = v != nil; ok {
			var s []byte
			s, err = bytesAt(data)
			*v = string(s)
		}
	case *[]byte:
		if ok = v != nil; ok {
			var s []byte
			s, err = bytesAt(data)
			*v = bytes.Clone(s)
		}
	case *bool:
		if ok = v != nil; ok {
			*v, err = boolAt(data)
		}
	case *int:
		ok, err = decodeInt(data, v, math.MinInt, math.MaxInt)
	case *int8:
		ok, err = decodeInt(data, v, math.MinInt8, math.MaxInt8)
	case *int16:
		ok, err = decodeInt(data, v, math.MinInt16, math.MaxInt16)
	case *int32:
		ok, err = decodeInt(data, v, math.MinInt32, math.MaxInt32)
	case *int64:
		ok, err = decodeInt(data, v, math.MinInt64, math.MaxInt64)
	case *uint:
		ok, err = decodeInt(data, v, 0, math.MaxUint)
	case *uint8:
		ok, err = decodeInt(data, v, 0, math.MaxUint8)
	case *uint16:
		ok, err = decodeInt(data, v, 0, math.MaxUint16)
	case *uint32:
		ok, err = decodeInt(data, v, 0, math.MaxUint32)
	case *uint64:
		ok, err = decodeInt(data, v, 0, math.MaxUint64)
	case *Raw:
		if ok = v != nil; ok {
			*v = Raw{msgpackCodec{}, bytes.Clone(data)}
		}
	default:
		ok = false
	}
	if !ok {
		err = decode(data, v)
	}
	if err != nil {
		return fmt.Errorf("%w: a %s into %T: %w", ErrDecode, formName(data[0]), v, err)
	}
	return nil
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
	switch b[0] {
	case codeTrue:
		return true, nil
	case codeFalse, codeNil:
		return false, nil
	}
	return false, errBool
}

// decodeInt sets v to the integer in b, 0 for nil, if it is in the range from low to high, which are those of T. ok is
// false if v is nil.
func decodeInt[T int | int8 | int16 | int32 | int64 | uint | uint8 | uint16 | uint32 | uint64](b []byte, v *T, low int64, high uint64) (ok bool, err error) {
	if v == nil {
		return false, nil
	}
	u, negative, integral := integer(b, 0)
	switch {
	case !integral && b[0] == codeNil:
		*v = 0
	case !integral:
		return true, ErrInteger
	case negative && int64(u) < low, !negative && u > high:
		return true, ErrRange
	default:
		*v = T(u)
	}
	return true, nil
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
		// After an error, the decoder may be left recording all that it will ever read: drop it.
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

// decodeMap is how the library decodes a map into any: as mapAt does.
func decodeMap(dec *msgpack.Decoder) (any, error) {
	s, ok := dec.Buffered().(*source)
	if !ok {
		return dec.DecodeMap()
	}
	b, err := s.next()
	if err != nil {
		return nil, err
	}
	v, _, err := anyAt(b, 0)
	return v, err
}

// formName names the type of the value that begins with c.
func formName(c byte) string {
	switch {
	case c <= fixIntMax, c >= fixIntMin, c >= codeUint8 && c <= codeInt64:
		return "integer"
	case c < fixArray, c == codeMap16, c == codeMap32:
		return "map"
	case c < fixStr, c == codeArray16, c == codeArray32:
		return "array"
	case c < codeNil, c >= codeStr8 && c <= codeStr32:
		return "string"
	case c == codeNil:
		return "nil"
	case c == codeFalse, c == codeTrue:
		return "bool"
	case c >= codeBin8 && c <= codeBin32:
		return "binary"
	case c == codeFloat32, c == codeFloat64:
		return "float"
	}
	return "timestamp"
}
