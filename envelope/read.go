package envelope

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/layout"
)

var (
	errForm   = errors.New("another kind of value")
	errLength = errors.New("another length")
)

// readValue sets v, which can be set, to the guarded value at b[p], and returns where that ends. It recurses as deep as
// the value nests.
func readValue(b []byte, p int, v reflect.Value) (end int, err error) {
	for v.Kind() == reflect.Pointer && b[p] != codeNil {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	var l *layout.Layout
	switch {
	case v.Kind() == reflect.Interface:
		return readInterface(b, p, v)
	case v.Kind() != reflect.Pointer:
		l = layout.Of(v.Type())
	}
	switch end = p + 1; {
	case b[p] == codeNil && v.Type() != reflect.TypeFor[time.Time]():
		v.SetZero()
		return end, nil
	case l.Decodes:
		end = skip(b, p)
		return end, readEncoded(b[p:end:end], v.Addr().Interface())
	}
	switch v.Kind() {
	case reflect.Bool:
		if forms[b[p]].family != familyBool {
			return 0, errForm
		}
		v.SetBool(b[p] == codeTrue)
		return end, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return skip(b, p), readInteger(b, p, v)
	case reflect.Float32, reflect.Float64:
		return skip(b, p), readFloat(b, p, v)
	case reflect.String:
		data, err := bytesAt(b, p)
		v.SetString(string(data))
		return skip(b, p), err
	case reflect.Slice, reflect.Array:
		return readList(b, p, v)
	case reflect.Map:
		n, p, err := headerOf(b, p, familyMap)
		if err != nil {
			return 0, err
		}
		if v.IsNil() {
			v.Set(reflect.MakeMapWithSize(v.Type(), n))
		}
		return readEntries(b, p, n, v)
	case reflect.Struct:
		return readStruct(b, p, v, l)
	}
	return 0, errForm
}

// bytesAt returns the contents of the string or binary at b[p]; nil for nil.
func bytesAt(b []byte, p int) ([]byte, error) {
	switch forms[b[p]].family {
	case familyNil:
		return nil, nil
	case familyBinary:
		return contents(b, p), nil
	}
	return contentsOf(b, p, familyString)
}

// readInteger sets v to an integer.
func readInteger(b []byte, p int, v reflect.Value) error {
	u, negative, ok := integer(b, p)
	switch {
	case !ok:
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

// readFloat sets v to a float or to an integer of an int64, if v can hold that number exactly.
func readFloat(b []byte, p int, v reflect.Value) error {
	if forms[b[p]].family == familyFloat {
		f := floatAt(b, p)
		if v.SetFloat(f); v.Float() != f && !math.IsNaN(f) {
			return ErrRange
		}
		return nil
	}
	var i int64
	err := readInteger(b, p, reflect.ValueOf(&i).Elem())
	v.SetFloat(float64(i))
	if f := v.Float(); err == nil && (f >= 1<<63 || int64(f) != i) {
		err = ErrRange
	}
	return err
}

// readInterface is readValue for an interface. If v holds a pointer, readInterface sets what it points to.
func readInterface(b []byte, p int, v reflect.Value) (end int, err error) {
	if held := v.Elem(); held.Kind() == reflect.Pointer && !held.IsNil() && b[p] != codeNil {
		return readValue(b, p, held.Elem())
	}
	value, end, err := anyAt(b, p)
	v.SetZero()
	if value != nil && err == nil {
		v.Set(reflect.ValueOf(value))
	}
	return end, err
}

// readList is readValue for a slice, or for an array of the same length.
func readList(b []byte, p int, v reflect.Value) (end int, err error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		data, err := bytesAt(b, p)
		switch {
		case err != nil:
		case v.Kind() == reflect.Slice:
			v.SetBytes(bytes.Clone(data))
		case copy(v.Bytes(), data) < max(len(data), v.Len()):
			err = errLength
		}
		return skip(b, p), err
	}
	n, p, err := headerOf(b, p, familyArray)
	if err != nil {
		return 0, err
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	}
	if n != v.Len() {
		return 0, errLength
	}
	for i := 0; i < n && err == nil; i++ {
		p, err = readValue(b, p, v.Index(i))
	}
	return p, err
}

// readEntries adds the n entries from b[p] on to the map v.
func readEntries(b []byte, p, n int, v reflect.Value) (end int, err error) {
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for range n {
		key.SetZero()
		value.SetZero()
		if p, err = readValue(b, p, key); err != nil {
			return 0, err
		}
		if !key.Comparable() {
			return 0, fmt.Errorf("%w: %s", ErrMapKey, key.Type())
		}
		if p, err = readValue(b, p, value); err != nil {
			return 0, err
		}
		v.SetMapIndex(key, value)
	}
	return p, nil
}

// readStruct is readValue for a struct with layout l. Keys that no field has are ignored.
func readStruct(b []byte, p int, v reflect.Value, l *layout.Layout) (end int, err error) {
	n, p, err := headerOf(b, p, familyMap)
	for ; n > 0 && err == nil; n-- {
		var name []byte
		if name, err = bytesAt(b, p); err != nil {
			break
		}
		i := l.IndexOf(name)
		if p = skip(b, p); i < 0 {
			p = skip(b, p)
		} else if p, err = readValue(b, p, l.Fields[i].GetOrMake(v)); err != nil {
			err = fmt.Errorf("field %q: %w", name, err)
		}
	}
	return p, err
}

// readEncoded sets v, a pointer whose type has a method to decode it, to the value in b.
func readEncoded(b []byte, v any) error {
	data, err := bytesAt(b, 0)
	switch v := v.(type) {
	case *time.Time:
		if forms[b[0]].family != familyExtension {
			return v.UnmarshalText(data) // RFC 3339
		}
		if *v = timeAt(b, 0); v.IsZero() {
			*v = v.UTC() // the zero value, which has no zone
		}
		return nil
	case *Raw:
		*v = Raw{msgpackCodec{}, bytes.Clone(b)}
		return nil
	case msgpack.CustomDecoder:
		return decode(b, v)
	case msgpack.Unmarshaler:
		return v.UnmarshalMsgpack(bytes.Clone(b))
	case encoding.BinaryUnmarshaler:
		if err == nil {
			err = v.UnmarshalBinary(bytes.Clone(data))
		}
	case encoding.TextUnmarshaler:
		if err == nil {
			err = v.UnmarshalText(bytes.Clone(data))
		}
	}
	return err
}
