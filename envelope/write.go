package envelope

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/layout"
)

// A writer appends one Go value, and counts what the value holds as the guard does.
type writer struct {
	walker
	b     []byte
	outer int // how many arrays the value lies in
}

// any appends v, which lies in the outer arrays alone. A panic of a method of v is an error.
func (w *writer) any(v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: encoding %T panicked: %v", ErrEncode, v, r)
		}
	}()
	return w.value(reflect.ValueOf(v), w.outer)
}

// value appends v, which lies inside depth arrays and maps.
func (w *writer) value(v reflect.Value, depth int) error {
	inside := depth > w.outer
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && !v.IsNil() {
		pointer := v.Kind() == reflect.Pointer
		if v = v.Elem(); pointer && inside && layout.IsNil(v) {
			return fmt.Errorf("%w: a pointer to a nil %s would arrive as nil", ErrEncode, v.Type())
		}
	}
	if layout.IsNil(v) {
		w.b = append(w.b, codeNil)
		return nil
	}
	l := layout.Of(v.Type())
	if l.Encodes {
		return w.encoded(layout.Addressable(v).Interface(), depth)
	}
	switch v.Kind() {
	case reflect.Bool:
		w.b = appendBool(w.b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.b = appendInt(w.b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.b = appendUint(w.b, v.Uint())
	case reflect.Float32:
		w.b = binary.BigEndian.AppendUint32(append(w.b, codeFloat32), math.Float32bits(float32(v.Float())))
	case reflect.Float64:
		w.b = appendFloat(w.b, v.Float())
	case reflect.String:
		w.b = appendString(w.b, v.String())
	case reflect.Slice, reflect.Array:
		return w.list(v, depth)
	case reflect.Map:
		return w.mapping(v, depth)
	case reflect.Struct:
		return w.fields(v, l, depth)
	default:
		return fmt.Errorf("%w: there is no form for a %s", ErrEncode, v.Type())
	}
	return nil
}

// begin appends the header of an array or a map of n entries with per values each. It lies inside depth others. fix and
// code16 are the first bytes of its forms.
func (w *writer) begin(fix, code16 byte, n, per, depth int) error {
	switch {
	case depth == MaxDepth:
		return ErrDepth
	case n > (MaxElements-w.elements)/per:
		return ErrElements
	case n < 16:
		w.b = append(w.b, fix|byte(n))
	case n <= math.MaxUint16:
		w.b = binary.BigEndian.AppendUint16(append(w.b, code16), uint16(n))
	default:
		w.b = binary.BigEndian.AppendUint32(append(w.b, code16+1), uint32(n))
	}
	w.elements += n * per
	return nil
}

// list appends a slice or an array.
func (w *writer) list(v reflect.Value, depth int) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if v.Kind() == reflect.Array {
			v = layout.Addressable(v).Elem()
		}
		w.b = appendBinary(w.b, v.Bytes())
		return nil
	}
	err := w.begin(fixArray, codeArray16, v.Len(), 1, depth)
	for i := 0; i < v.Len() && err == nil; i++ {
		err = w.value(v.Index(i), depth+1)
	}
	return err
}

// mapping appends a map.
func (w *writer) mapping(v reflect.Value, depth int) error {
	err := w.begin(fixMap, codeMap16, v.Len(), 2, depth)
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for entry := v.MapRange(); err == nil && entry.Next(); {
		key.SetIterKey(entry)
		value.SetIterValue(entry)
		if err = w.value(key, depth+1); err == nil {
			err = w.value(value, depth+1)
		}
	}
	return err
}

// fields appends a struct with layout l.
func (w *writer) fields(v reflect.Value, l *layout.Layout, depth int) error {
	n := 0
	for i := range l.Fields {
		if l.Fields[i].Get(v).IsValid() {
			n++
		}
	}
	err := layoutError(l)
	if err == nil {
		err = w.begin(fixMap, codeMap16, n, 2, depth)
	}
	for i := 0; i < len(l.Fields) && err == nil; i++ {
		if value := l.Fields[i].Get(v); value.IsValid() {
			w.b = appendString(w.b, l.Fields[i].Name)
			err = w.value(value, depth+1)
		}
	}
	return err
}

// layoutError returns why no value with layout l can be encoded.
func layoutError(l *layout.Layout) error {
	switch {
	case l.Err == nil:
		return nil
	case errors.Is(l.Err, layout.ErrOption):
		return fmt.Errorf("%w: %w", ErrExtension, l.Err)
	}
	return fmt.Errorf("%w: %w", ErrEncode, l.Err)
}

// encoded appends v, a pointer whose type has a method to encode it.
func (w *writer) encoded(v any, depth int) (err error) {
	var data []byte
	switch v := v.(type) {
	case *time.Time:
		data, err = msgpack.Marshal(v) // in the shortest form
	case *Raw:
		data, err = v.msgpack()
	case msgpack.CustomEncoder:
		data, err = encode(v)
	case msgpack.Marshaler:
		data, err = v.MarshalMsgpack()
	case encoding.BinaryMarshaler:
		data, err = v.MarshalBinary()
		data = appendBinary(nil, data)
	case encoding.TextMarshaler:
		data, err = v.MarshalText()
		data = appendBinary(nil, data)
	}
	if err != nil {
		return fmt.Errorf("%w: encoding %T: %w", ErrEncode, v, err)
	}
	w.b, err = w.appendValue(w.b, data, depth)
	return err
}
