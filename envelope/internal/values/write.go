package values

import (
	"encoding"
	"fmt"
	"reflect"
)

// A Writer appends one Go value, and counts what the value holds as the guard does.
type Writer struct {
	B        []byte
	f        Format
	terms    *Terms // of f
	elements int
	outer    int // how many others the value lies in
}

// Append appends v to out. v will lie inside depth arrays of an envelope that holds elements values, v included but not the
// values inside v. The appended bytes have passed the guard. A panic of a method of v is an error. After an error it
// returns b.
func Append(f Format, b, out []byte, v any, depth, elements int) (appended []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			appended, err = b, fmt.Errorf("%w: encoding %T panicked: %v", ErrEncode, v, r)
		}
	}()
	w := Writer{out, f, f.Terms(), elements, depth}
	if err := w.Value(reflect.ValueOf(v), depth); err != nil {
		return b, err
	}
	return w.B, nil
}

// Value appends v, which lies inside depth arrays and maps.
func (w *Writer) Value(v reflect.Value, depth int) (err error) {
	inside := depth > w.outer
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && !v.IsNil() {
		pointer := v.Kind() == reflect.Pointer
		if v = v.Elem(); pointer && inside && isNil(v) {
			return fmt.Errorf("%w: a pointer to a nil %s would arrive as nil", ErrEncode, v.Type())
		}
	}
	if isNil(v) {
		w.B = w.f.AppendNil(w.B)
		return nil
	}
	if w.terms != nil {
		if own, ok := w.terms.OwnTypes[v.Type()]; ok {
			*w, err = own.Write(*w, v, depth)
			return err
		}
	}
	l := layoutOf(v.Type())
	if l.encodes {
		return w.encoded(addressable(v).Interface(), depth)
	}
	switch v.Kind() {
	case reflect.Bool:
		w.B = w.f.AppendBool(w.B, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.B = w.f.AppendInt(w.B, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.B = w.f.AppendUint(w.B, v.Uint())
	case reflect.Float32, reflect.Float64:
		w.B, err = w.f.AppendFloat(w.B, v.Float(), v.Type().Bits())
	case reflect.String:
		w.B = w.f.AppendString(w.B, v.String())
	case reflect.Slice, reflect.Array:
		err = w.list(v, depth)
	case reflect.Map:
		err = w.mapping(v, depth)
	case reflect.Struct:
		err = w.fields(v, l, depth)
	default:
		err = fmt.Errorf("%w: there is no form for a %s", ErrEncode, v.Type())
	}
	return err
}

// Enter counts the n values of one that lies inside depth others.
func (w *Writer) Enter(n, depth int) error {
	switch {
	case depth >= MaxDepth:
		return ErrDepth
	case n > MaxElements-w.elements:
		return ErrElements
	}
	w.elements += n
	return nil
}

// Each appends the elements of v, a slice or an array, which lies inside depth others.
func (w *Writer) Each(v reflect.Value, depth int) (err error) {
	for i := 0; i < v.Len() && err == nil; i++ {
		err = w.Value(v.Index(i), depth+1)
	}
	return err
}

// list appends a slice or an array: a binary if it holds bytes.
func (w *Writer) list(v reflect.Value, depth int) (err error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if v.Kind() == reflect.Array {
			v = addressable(v).Elem()
		}
		w.B = w.f.AppendBinary(w.B, v.Bytes())
		return nil
	}
	n, start := v.Len(), len(w.B)
	switch {
	case w.terms == nil:
		err = w.Enter(n, depth)
	case n > 0:
		err = w.Enter(n+1, depth) // the tail is a term too
	}
	if err != nil {
		return err
	}
	w.B = w.f.BeginList(w.B, n)
	if err = w.Each(v, depth); err == nil && w.terms != nil {
		w.B = w.terms.FinishList(w.B, start, n)
	}
	return err
}

// mapping appends a map. In the BEAM dialect, two keys of Go that become the same term are refused.
func (w *Writer) mapping(v reflect.Value, depth int) error {
	n := v.Len()
	if err := w.Enter(2*n, depth); err != nil {
		return err
	}
	w.B = w.f.BeginMap(w.B, n)
	first := len(w.B)
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for entry := v.MapRange(); entry.Next(); {
		key.SetIterKey(entry)
		value.SetIterValue(entry)
		if err := w.Value(key, depth+1); err != nil {
			return err
		}
		if err := w.Value(value, depth+1); err != nil {
			return err
		}
	}
	if w.terms == nil || key.Kind() == reflect.String && !layoutOf(key.Type()).encodes {
		return nil // what differs in Go differs on the wire
	}
	return w.terms.CheckKeys(w.B, first, n)
}

// fields appends a struct with layout l.
func (w *Writer) fields(v reflect.Value, l *layout, depth int) error {
	if l.err != nil {
		return fmt.Errorf("%w: %w", ErrEncode, l.err)
	}
	n := 0
	for i := range l.fields {
		if l.fields[i].get(v).IsValid() {
			n++
		}
	}
	if err := w.Enter(2*n, depth); err != nil {
		return err
	}
	w.B = w.f.BeginMap(w.B, n)
	for i := range l.fields {
		f := &l.fields[i]
		value := f.get(v)
		if !value.IsValid() {
			continue
		}
		var err error
		if f.isAtom && w.terms != nil {
			w.B, err = w.terms.AppendAtom(w.B, f.name)
		} else {
			w.B = w.f.AppendString(w.B, f.name)
		}
		if err == nil {
			err = w.Value(value, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encoded appends v, a pointer whose type has a method to encode it.
func (w *Writer) encoded(v any, depth int) error {
	data, ok, err := w.f.Encoded(v)
	if !ok {
		switch v := v.(type) {
		case encoding.BinaryMarshaler:
			data, err = v.MarshalBinary()
		case encoding.TextMarshaler:
			data, err = v.MarshalText()
		}
		data = w.f.AppendBinary(nil, data)
	}
	if err != nil {
		return fmt.Errorf("%w: encoding %T: %w", ErrEncode, v, err)
	}
	start := len(w.B)
	w.B = append(w.B, data...)
	w.elements, err = w.f.Guard(w.B, start, depth, w.elements)
	return err
}
