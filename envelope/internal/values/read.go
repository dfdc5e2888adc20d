package values

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// ErrKind reports a value of another kind than the Go type has.
var ErrKind = errors.New("another kind of value")

var (
	errLength  = errors.New("another length")
	errPointer = errors.New("not a pointer to a value")
	timeType   = reflect.TypeFor[time.Time]()
)

// A reader reads guarded values into values of Go.
type reader struct {
	f     Format
	terms *Terms // of f
	b     []byte
}

// Decode decodes the guarded value in data into v, by the rules of DecodeValue of the codec. A panic of a method of v is
// an error.
func Decode(f Format, data []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	pointer := reflect.ValueOf(v)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() {
		return errPointer
	}
	r := reader{f, f.Terms(), data}
	if v, isAny := v.(*any); isAny {
		*v, _, err = r.any(0)
		return err
	}
	_, err = r.value(0, pointer.Elem())
	return err
}

// value sets v, which can be set, to the value at p, and returns where that ends. It recurses as deep as the value nests.
func (r *reader) value(p int, v reflect.Value) (end int, err error) {
	h := r.f.Head(r.b, p)
	for v.Kind() == reflect.Pointer && h.Kind != Nil {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Interface {
		return r.dynamic(p, h, v)
	}
	if r.terms != nil {
		if own, ok := r.terms.OwnTypes[v.Type()]; ok {
			return own.Read(r.b, p, h, v)
		}
	}
	if h.Kind == Nil && v.Type() != timeType {
		v.SetZero()
		return h.Next, nil
	}
	l := layoutOf(v.Type())
	if l.decodes {
		end = r.f.Skip(r.b, p)
		return end, r.encoded(h, r.b[p:end:end], v.Addr().Interface())
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return r.list(h, v)
	case reflect.Map:
		return r.mapping(h, v)
	case reflect.Struct:
		return r.fields(h, v, l)
	}
	return h.Next, r.scalar(h, v)
}

// scalar sets v, a bool, number or string.
func (r *reader) scalar(h Head, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		if h.Kind != False && h.Kind != True {
			return ErrKind
		}
		v.SetBool(h.Kind == True)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return setInteger(v, h)
	case reflect.Float32, reflect.Float64:
		return setFloat(v, h)
	case reflect.String:
		text, err := h.text(r.b)
		v.SetString(string(text))
		return err
	default:
		return ErrKind
	}
	return nil
}

// setInteger sets v to an integer.
func setInteger(v reflect.Value, h Head) error {
	isNegative := h.Kind == Int && int64(h.N) < 0
	switch {
	case h.Kind != Int && h.Kind != Uint && h.Kind != Big:
		return ErrInteger
	case h.Kind == Int && v.CanInt() && !v.OverflowInt(int64(h.N)):
		v.SetInt(int64(h.N))
	case h.Kind != Big && v.CanUint() && !isNegative && !v.OverflowUint(h.N):
		v.SetUint(h.N)
	default:
		return ErrRange
	}
	return nil
}

// setFloat sets v to a float or to an integer of an int64, if v can hold that number exactly.
func setFloat(v reflect.Value, h Head) error {
	if h.isFloat() {
		f := h.float()
		if v.SetFloat(f); v.Float() != f && !math.IsNaN(f) {
			return ErrRange
		}
		return nil
	}
	var i int64
	err := setInteger(reflect.ValueOf(&i).Elem(), h)
	v.SetFloat(float64(i))
	if f := v.Float(); err == nil && (f >= 1<<63 || int64(f) != i) {
		err = ErrRange
	}
	return err
}

// dynamic is value for an interface. If v holds a pointer, dynamic sets what it points to.
func (r *reader) dynamic(p int, h Head, v reflect.Value) (end int, err error) {
	if held := v.Elem(); held.Kind() == reflect.Pointer && !held.IsNil() && h.Kind != Nil {
		return r.value(p, held.Elem())
	}
	value, end, err := r.any(p)
	v.SetZero()
	if value != nil && err == nil {
		v.Set(reflect.ValueOf(value))
	}
	return end, err
}

// elements returns how many elements a list or a tuple has, and where the first begins.
func (r *reader) elements(h Head) (in *reader, first, n int) {
	if h.Kind != ByteList {
		return r, h.Next, int(h.N)
	}
	spelled := make([]byte, 0, 2*h.N)
	for _, c := range h.bytes(r.b) {
		spelled = r.f.AppendUint(spelled, uint64(c))
	}
	return &reader{r.f, r.terms, spelled}, 0, int(h.N)
}

// tail reports whether the tail at p is that of a proper list, the empty list, and where it ends.
func (r *reader) tail(p int) (end int, isProper bool) {
	h := r.f.Head(r.b, p)
	return h.Next, h.Kind == List && h.N == 0
}

// list is value for a slice, or for an array of the same length.
func (r *reader) list(h Head, v reflect.Value) (end int, err error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		data, err := h.Binary(r.b)
		switch {
		case err != nil:
		case v.Kind() == reflect.Slice:
			v.SetBytes(bytes.Clone(data))
		case copy(v.Bytes(), data) < max(len(data), v.Len()):
			err = errLength
		}
		return h.Next, err
	}
	if h.Kind < List || h.Kind == Map {
		return 0, ErrArray
	}
	in, p, n := r.elements(h)
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	}
	if n != v.Len() {
		return 0, errLength
	}
	for i := range n {
		if p, err = in.value(p, v.Index(i)); err != nil {
			return 0, err
		}
	}
	switch h.Kind {
	case ByteList:
		p = h.Next
	case LongList:
		end, isProper := r.tail(p)
		if !isProper {
			return 0, ErrKind
		}
		p = end
	}
	return p, nil
}

// mapping is value for a map, to which the entries are added.
func (r *reader) mapping(h Head, v reflect.Value) (end int, err error) {
	if h.Kind != Map {
		return 0, ErrMap
	}
	entries := reflect.MakeMapWithSize(v.Type(), int(h.N))
	if end, err = r.entries(h.Next, int(h.N), entries); err != nil {
		return 0, err
	}
	if v.IsNil() {
		v.Set(entries)
		return end, nil
	}
	for entry := entries.MapRange(); entry.Next(); {
		v.SetMapIndex(entry.Key(), entry.Value())
	}
	return end, nil
}

// entries adds the n entries from p on to the map v. Where no map has a key twice, two keys that become one in Go are
// refused, since one of the values would be lost.
func (r *reader) entries(p, n int, v reflect.Value) (end int, err error) {
	before := v.Len()
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for range n {
		key.SetZero()
		value.SetZero()
		if p, err = r.value(p, key); err != nil {
			return 0, err
		}
		if !key.Comparable() || r.terms != nil && isPointer(key) {
			return 0, fmt.Errorf("%w: %s", ErrMapKey, key.Type())
		}
		if p, err = r.value(p, value); err != nil {
			return 0, err
		}
		v.SetMapIndex(key, value)
	}
	if r.terms != nil && v.Len() != before+n {
		return 0, ErrDuplicateKey
	}
	return p, nil
}

// isPointer reports whether key holds a pointer, as to a big.Int. Go would find it by its address alone.
func isPointer(key reflect.Value) bool {
	if key.Kind() == reflect.Interface {
		key = key.Elem()
	}
	return key.Kind() == reflect.Pointer
}

// fields is value for a struct with layout l. Keys that no field has are ignored. Where no map has a key twice, a field may
// be set once: its key may come as an atom and as a binary.
func (r *reader) fields(h Head, v reflect.Value, l *layout) (end int, err error) {
	if h.Kind != Map {
		return 0, ErrMap
	}
	var seen []bool
	if r.terms != nil {
		seen = make([]bool, len(l.fields))
	}
	p := h.Next
	for range h.N {
		key := r.f.Head(r.b, p)
		name, err := key.text(r.b)
		if err != nil {
			return 0, err
		}
		p = key.Next
		i, known := l.byName[string(name)]
		switch {
		case !known:
			p = r.f.Skip(r.b, p)
			continue
		case seen == nil:
			p, err = r.value(p, l.fields[i].getOrMake(v))
		case seen[i]:
			err = ErrDuplicateKey
		default:
			seen[i] = true
			p, err = r.value(p, l.fields[i].getOrMake(v))
		}
		if err != nil {
			return 0, fmt.Errorf("field %q: %w", name, err)
		}
	}
	return p, nil
}

// encoded sets v, a pointer whose type has a method to decode it, to the value in b, which h begins.
func (r *reader) encoded(h Head, b []byte, v any) error {
	if ok, err := r.f.Decode(b, v); ok {
		return err
	}
	t, isTime := v.(*time.Time)
	if isTime && h.Kind == Time {
		if *t = h.time(); t.IsZero() {
			*t = t.UTC() // the zero value, which has no zone
		}
		return nil
	}
	text, err := h.text(r.b)
	if err != nil {
		return err
	}
	if v, ok := v.(encoding.BinaryUnmarshaler); ok && !isTime {
		return v.UnmarshalBinary(bytes.Clone(text))
	}
	return v.(encoding.TextUnmarshaler).UnmarshalText(bytes.Clone(text)) // a time is in RFC 3339
}
