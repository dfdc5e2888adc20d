package etf

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/layout"
)

// AppendValue implements envelope.Codec, with the rules of wire.md §13.4. nil, true and false are atoms, strings and bytes are
// binaries, structs and maps are maps, other slices and arrays are lists. Names of fields are binaries; those of fields whose
// tag has the option atom, as in `msgpack:"name,atom"`, are atoms. A time.Time is a binary in RFC 3339, in UTC. What encodes
// itself into bytes or text is a binary.
func (codec) AppendValue(b []byte, v any) ([]byte, error) { return appendInside(b, b, v, 0, 1) }

// appendInside appends v to out. v will lie inside depth terms of an envelope that holds elements terms, v included but
// not those inside v. After an error it returns b.
func appendInside(b, out []byte, v any, depth, elements int) ([]byte, error) {
	w := writer{walker: walker{elements: elements}, b: out, outer: depth}
	if err := w.any(v); err != nil {
		return b, err
	}
	return w.b, nil
}

// A writer appends one Go value, and counts what the value holds as the guard does.
type writer struct {
	walker
	b     []byte
	outer int // how many terms the value lies in
}

// any appends v, which lies in the outer terms alone. A panic of a method of v is an error.
func (w *writer) any(v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: encoding %T panicked: %v", envelope.ErrEncode, v, r)
		}
	}()
	if r, isRaw := v.(envelope.Raw); isRaw { // without reflection, which would allocate
		return w.raw(r, w.outer)
	}
	return w.value(reflect.ValueOf(v), w.outer)
}

// value appends v, which lies inside depth terms.
func (w *writer) value(v reflect.Value, depth int) error {
	inside := depth > w.outer
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && !v.IsNil() {
		pointer := v.Kind() == reflect.Pointer
		if v = v.Elem(); pointer && inside && layout.IsNil(v) {
			return fmt.Errorf("%w: a pointer to a nil %s would arrive as nil", envelope.ErrEncode, v.Type())
		}
	}
	if layout.IsNil(v) {
		w.b = appendNil(w.b)
		return nil
	}
	switch v.Type() {
	case atomType:
		return w.atom(v.String())
	case tupleType:
		return w.tuple(v, depth)
	case improperType:
		return w.improper(v.Interface().(envelope.ImproperList), depth)
	case bigType:
		return w.big(layout.Addressable(v).Interface().(*big.Int))
	}
	l := layout.Of(v.Type())
	if l.Encodes {
		return w.encoded(layout.Addressable(v).Interface(), depth)
	}
	switch v.Kind() {
	case reflect.Bool:
		w.b = appendBool(w.b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.b = appendInteger(w.b, smallInteger(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.b = appendInteger(w.b, integer{small: v.Uint()})
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%w: %w", envelope.ErrEncode, ErrFloat)
		}
		w.b = appendFloat(w.b, v.Float())
	case reflect.String:
		w.b = appendBinary(w.b, v.String())
	case reflect.Slice, reflect.Array:
		return w.list(v, depth)
	case reflect.Map:
		return w.mapping(v, depth)
	case reflect.Struct:
		return w.fields(v, l, depth)
	default:
		return fmt.Errorf("%w: there is no form for a %s", envelope.ErrEncode, v.Type())
	}
	return nil
}

// atom appends an atom.
func (w *writer) atom(name string) error {
	if len(name) > maxAtomBytes || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxAtom {
		return fmt.Errorf("%w: %w", envelope.ErrEncode, ErrAtom)
	}
	w.b = appendAtom(w.b, name)
	return nil
}

// big appends an integer of any size up to MaxInteger.
func (w *writer) big(v *big.Int) error {
	if (v.BitLen()+7)/8 > MaxInteger {
		return fmt.Errorf("%w: %w", envelope.ErrEncode, ErrBig)
	}
	w.b = appendInteger(w.b, largeInteger(v))
	return nil
}

// begin counts n values of a term that lies inside depth others.
func (w *writer) begin(n, depth int) error {
	switch {
	case depth >= maxDepth:
		return envelope.ErrDepth
	case n > maxElements-w.elements:
		return envelope.ErrElements
	}
	w.elements += n
	return nil
}

// each appends the elements of a slice or an array, inside a term that lies inside depth others.
func (w *writer) each(v reflect.Value, depth int) (err error) {
	for i := 0; i < v.Len() && err == nil; i++ {
		err = w.value(v.Index(i), depth+1)
	}
	return err
}

// tuple appends a Tuple.
func (w *writer) tuple(v reflect.Value, depth int) error {
	if err := w.begin(v.Len(), depth); err != nil {
		return err
	}
	w.b = appendTuple(w.b, v.Len())
	return w.each(v, depth)
}

// list appends a slice or an array: a binary if it holds bytes, otherwise a list.
func (w *writer) list(v reflect.Value, depth int) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if v.Kind() == reflect.Array {
			v = layout.Addressable(v).Elem()
		}
		w.b = appendBinary(w.b, v.Bytes())
		return nil
	}
	n, start := v.Len(), len(w.b)
	if n > 0 {
		if err := w.begin(n+1, depth); err != nil {
			return err
		}
	}
	w.b = appendList(w.b, n)
	err := w.each(v, depth)
	w.b = finishList(w.b, start, n)
	return err
}

// improper appends an ImproperList.
func (w *writer) improper(v envelope.ImproperList, depth int) error {
	n := len(v.Elements)
	if n == 0 {
		return fmt.Errorf("%w: an improper list has at least one element", envelope.ErrEncode)
	}
	if err := w.begin(n+1, depth); err != nil {
		return err
	}
	w.b = appendList(w.b, n)
	if err := w.each(reflect.ValueOf(v.Elements), depth); err != nil {
		return err
	}
	tail := len(w.b)
	err := w.value(reflect.ValueOf(v.Tail), depth+1)
	if err == nil && kindOf(w.b[tail]) == "list" {
		err = fmt.Errorf("%w: the tail of an improper list is a list", envelope.ErrEncode)
	}
	return err
}

// mapping appends a map. Two keys of Go that become the same term are refused.
func (w *writer) mapping(v reflect.Value, depth int) error {
	n := v.Len()
	if err := w.begin(2*n, depth); err != nil {
		return err
	}
	w.b = appendMap(w.b, n)
	keys := make([]int, 0, n) // where they begin
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for entry := v.MapRange(); entry.Next(); {
		key.SetIterKey(entry)
		value.SetIterValue(entry)
		keys = append(keys, len(w.b))
		if err := w.value(key, depth+1); err != nil {
			return err
		}
		if err := w.value(value, depth+1); err != nil {
			return err
		}
	}
	if key.Kind() == reflect.String && !layout.Of(key.Type()).Encodes {
		return nil // what differs in Go differs on the wire
	}
	return checkKeys(w.b, keys)
}

// fields appends a struct with layout l.
func (w *writer) fields(v reflect.Value, l *layout.Layout, depth int) error {
	if l.Err != nil {
		return fmt.Errorf("%w: %w", envelope.ErrEncode, l.Err)
	}
	n := 0
	for i := range l.Fields {
		if l.Fields[i].Get(v).IsValid() {
			n++
		}
	}
	if err := w.begin(2*n, depth); err != nil {
		return err
	}
	w.b = appendMap(w.b, n)
	for i := range l.Fields {
		f := &l.Fields[i]
		value := f.Get(v)
		if !value.IsValid() {
			continue
		}
		if !f.Atom {
			w.b = appendBinary(w.b, f.Name)
		} else if err := w.atom(f.Name); err != nil {
			return err
		}
		if err := w.value(value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// raw appends r, as it is or transcoded.
func (w *writer) raw(r envelope.Raw, depth int) error {
	if r.Codec() == Codec {
		start := len(w.b)
		w.b = append(w.b, r.Bytes()...)
		return w.rest(w.b, start, depth)
	}
	var v any
	if err := r.Decode(&v); err != nil {
		return err
	}
	return w.value(reflect.ValueOf(v), depth)
}

// encoded appends v, a pointer whose type has a method to encode it.
func (w *writer) encoded(v any, depth int) error {
	var (
		data []byte
		err  error
	)
	switch v := v.(type) {
	case *time.Time:
		data, err = v.UTC().MarshalText()
	case *envelope.Raw:
		return w.raw(*v, depth)
	case *envelope.Shared:
		r, err := v.For(Codec)
		if err != nil {
			return err
		}
		return w.raw(r, depth)
	case msgpack.CustomEncoder, msgpack.Marshaler:
		r, err := envelope.RawOf(envelope.Msgpack, v)
		if err != nil {
			return err
		}
		return w.raw(r, depth)
	case encoding.BinaryMarshaler:
		data, err = v.MarshalBinary()
	case encoding.TextMarshaler:
		data, err = v.MarshalText()
	}
	if err != nil {
		return fmt.Errorf("%w: encoding %T: %w", envelope.ErrEncode, v, err)
	}
	w.b = appendBinary(w.b, data)
	return nil
}
