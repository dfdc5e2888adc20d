package etf

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/layout"
)

var (
	errKind    = errors.New("another kind of term")
	errLength  = errors.New("another length")
	errPointer = errors.New("not a pointer to a value")
)

// Types that have a term of their own.
var (
	atomType     = reflect.TypeFor[envelope.Atom]()
	tupleType    = reflect.TypeFor[envelope.Tuple]()
	improperType = reflect.TypeFor[envelope.ImproperList]()
	bigType      = reflect.TypeFor[big.Int]()
	timeType     = reflect.TypeFor[time.Time]()
)

// DecodeValue implements envelope.Codec, with the rules of wire.md §13.4. They are those of the native dialect for what both
// have: nil decodes into the zero value of most types, numbers must be held exactly, floats do not decode into integers,
// keys that no field of a struct has are ignored.
//
// Binaries decode into string and []byte alike, atoms into Atom and string. The keys of structs and of maps with string
// keys are binaries or atoms. Lists and tuples decode into slices and arrays, tuples alone into Tuple. Integers of any
// size decode into a big.Int. A binary in RFC 3339 decodes into a time.Time.
//
// Into any: nil, bool, Atom, int64 (uint64 above 2^63-1, *big.Int beyond 64 bits), float64, string (a []byte if the
// binary is not UTF-8), Tuple, []any, ImproperList, and map[string]any, or map[any]any if not all keys are binaries in UTF-8.
func (codec) DecodeValue(data []byte, v any) error {
	if err := guard(data); err != nil {
		return fmt.Errorf("%w: %w", envelope.ErrDecode, err)
	}
	if err := decodeInto(data, v); err != nil {
		return fmt.Errorf("%w: a %s into %T: %w", envelope.ErrDecode, kindOf(data[0]), v, err)
	}
	return nil
}

// kindOf returns the name of the kind of term with that tag, for people.
func kindOf(tag byte) string {
	switch {
	case isAtom(tag):
		return "atom"
	case isInteger(tag):
		return "integer"
	case isTuple(tag):
		return "tuple"
	case tag == tagFloat:
		return "float"
	case tag == tagBinary:
		return "binary"
	case tag == tagMap:
		return "map"
	}
	return "list"
}

// decodeInto decodes a guarded term into v. A panic of a method of v is an error.
func decodeInto(data []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	pointer := reflect.ValueOf(v)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() {
		return errPointer
	}
	switch v := v.(type) {
	case *any:
		*v, _, err = anyAt(data, 0)
	case *envelope.Raw:
		*v = envelope.NewRaw(Codec, bytes.Clone(data))
	default:
		_, err = readTerm(data, 0, pointer.Elem())
	}
	return err
}

// readTerm sets v, which can be set, to the guarded term at b[p], and returns where that ends. It recurses as deep as the
// term nests.
func readTerm(b []byte, p int, v reflect.Value) (end int, err error) {
	isNil := isAtomNamed(b, p, "nil")
	for v.Kind() == reflect.Pointer && !isNil {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Interface {
		return readInterface(b, p, v)
	}
	switch v.Type() {
	case atomType:
		return readAtom(b, p, v)
	case tupleType:
		return readTuple(b, p, v)
	case improperType:
		return readImproper(b, p, v)
	case bigType:
		return readBig(b, p, v)
	}
	if isNil && v.Type() != timeType {
		v.SetZero()
		return skip(b, p), nil
	}
	l := layout.Of(v.Type())
	if l.Decodes {
		end = skip(b, p)
		return end, readEncoded(b[p:end:end], v.Addr().Interface())
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return readList(b, p, v)
	case reflect.Map:
		return readMap(b, p, v)
	case reflect.Struct:
		return readStruct(b, p, v, l)
	}
	return skip(b, p), readScalar(b, p, v)
}

// readInterface is readTerm for an interface. If v holds a pointer, readInterface sets what it points to.
func readInterface(b []byte, p int, v reflect.Value) (end int, err error) {
	if held := v.Elem(); held.Kind() == reflect.Pointer && !held.IsNil() && !isAtomNamed(b, p, "nil") {
		return readTerm(b, p, held.Elem())
	}
	value, end, err := anyAt(b, p)
	v.SetZero()
	if value != nil && err == nil {
		v.Set(reflect.ValueOf(value))
	}
	return end, err
}

// readScalar sets v, a bool, number or string.
func readScalar(b []byte, p int, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		isTrue := isAtomNamed(b, p, "true")
		if !isTrue && !isAtomNamed(b, p, "false") {
			return errKind
		}
		v.SetBool(isTrue)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return readInteger(b, p, v)
	case reflect.Float32, reflect.Float64:
		return readFloat(b, p, v)
	case reflect.String:
		text, err := textAt(b, p)
		v.SetString(string(text))
		return err
	default:
		return errKind
	}
	return nil
}

// textAt returns the contents of a binary, or the name of an atom that is not a bool.
func textAt(b []byte, p int) ([]byte, error) {
	switch {
	case b[p] == tagBinary:
		return contents(b, p), nil
	case isAtom(b[p]) && !isAtomNamed(b, p, "true") && !isAtomNamed(b, p, "false"):
		return atomAt(b, p), nil
	}
	return nil, envelope.ErrString
}

// readInteger sets v to an integer.
func readInteger(b []byte, p int, v reflect.Value) error {
	if !isInteger(b[p]) {
		return envelope.ErrInteger
	}
	i := integerAt(b, p)
	if v.CanInt() {
		if n, ok := i.int64(); ok && !v.OverflowInt(n) {
			v.SetInt(n)
			return nil
		}
	} else if n, ok := i.uint64(); ok && !v.OverflowUint(n) {
		v.SetUint(n)
		return nil
	}
	return envelope.ErrRange
}

// readFloat sets v to a float or to an integer of an int64, if v can hold that number exactly.
func readFloat(b []byte, p int, v reflect.Value) error {
	if b[p] == tagFloat {
		f := floatAt(b, p)
		if v.SetFloat(f); v.Float() != f {
			return envelope.ErrRange
		}
		return nil
	}
	if !isInteger(b[p]) {
		return envelope.ErrInteger
	}
	n, ok := integerAt(b, p).int64()
	v.SetFloat(float64(n))
	if f := v.Float(); !ok || f >= 1<<63 || int64(f) != n {
		return envelope.ErrRange
	}
	return nil
}

// readEncoded sets v, a pointer whose type has a method to decode it, to the guarded term in b.
func readEncoded(b []byte, v any) error {
	switch v := v.(type) {
	case *time.Time:
		text, err := textAt(b, 0)
		if err != nil {
			return err
		}
		return v.UnmarshalText(text)
	case *envelope.Raw:
		*v = envelope.NewRaw(Codec, bytes.Clone(b))
		return nil
	case msgpack.CustomDecoder, msgpack.Unmarshaler:
		data, err := envelope.RawOf(envelope.Msgpack, envelope.NewRaw(Codec, b))
		if err != nil {
			return err
		}
		return data.Decode(v)
	}
	text, err := textAt(b, 0)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case encoding.BinaryUnmarshaler:
		return v.UnmarshalBinary(bytes.Clone(text))
	case encoding.TextUnmarshaler:
		return v.UnmarshalText(bytes.Clone(text))
	}
	return errKind
}
