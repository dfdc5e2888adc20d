package envelope

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Reasons why a valid value does not become a Go value.
var (
	// ErrDecode reports a value that the given Go type cannot hold. ErrRange and ErrMapKey come with it.
	ErrDecode = errors.New("envelope: the value does not fit the Go type")
	// ErrRange reports a number that the given Go type cannot hold as it is.
	ErrRange = values.ErrRange
	// ErrMapKey reports a map with a key that Go cannot look up or that JSON has no form for: an array, a map or, in Go, a
	// binary.
	ErrMapKey = values.ErrMapKey
)

// DecodeValue implements Codec.
//
// nil decodes into the zero value of most types; strings and binaries into string and []byte alike. A number that the
// type cannot hold as it is fails with ErrRange, at any depth: an integer out of range, a float64 that a float32 would
// round, an integer that a float would. Floats do not decode into integers. An array must have the length of the value
// that it decodes into. A string in RFC 3339 decodes into a time.Time. Keys that no field of a struct has are ignored.
//
// Into any: nil, bool, int64 (uint64 above 2^63-1), float32 and float64 as sent, string, []byte, time.Time in the local
// zone, []any, and map[string]any, or map[any]any if not all keys are strings. Maps with keys that Go cannot look up
// are refused with ErrMapKey. If v is a *any, the old value of *v does not matter.
func (msgpackCodec) DecodeValue(data []byte, v any) error {
	if err := guardAll(data); err != nil {
		return err
	}
	if r, isRaw := v.(*Raw); isRaw && r != nil {
		*r = Raw{msgpackCodec{}, bytes.Clone(data)}
		return nil
	}
	if err := values.Decode(native{}, data, v); err != nil {
		return fmt.Errorf("%w: a %s into %T: %w", ErrDecode, valueNames[forms[data[0]].kind], v, err)
	}
	return nil
}

// decode decodes guarded bytes with v's own method and the library's decoder, in the way that the package comment says.
func decode(data []byte, v msgpack.CustomDecoder) error {
	src := newSource(data)
	dec := msgpack.NewDecoder(&src)
	dec.SetCustomStructTag("json")
	dec.SetMapDecoder(decodeMap)
	return v.DecodeMsgpack(dec)
}

// decodeMap makes the library decode a map into any as DecodeValue does.
func decodeMap(dec *msgpack.Decoder) (any, error) {
	b, err := nextValue(dec)
	if err != nil {
		return nil, err
	}
	v, _, err := values.Any(native{}, b, 0)
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
