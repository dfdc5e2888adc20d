// Package layout says how Go types travel, whatever the dialect: which fields of a struct, under which names, and which
// types encode themselves. The codecs of packages envelope and etf share it, so that a type is written once for both.
package layout

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// ErrOption reports a field with an option of package msgpack that needs an extension type.
var ErrOption = errors.New("an option that needs an extension type")

// A Layout says how values of one type travel. It must not be changed.
type Layout struct {
	Encodes bool // a method of the type encodes it
	Decodes bool // a method of the type decodes it

	// Of a struct:
	Fields []Field
	Err    error          // why no value of the type can travel: ErrOption, or another reason
	byName map[string]int // in Fields
	hidden bool           // there are fields that do not travel because they are not exported
}

// A Field is one field of a struct, perhaps inside embedded structs.
type Field struct {
	Name      string
	Atom      bool // the tag has the option atom: in the BEAM dialect the name is written as an atom
	index     []int
	omitEmpty bool
}

// IndexOf returns where in Fields the field is that travels under name; -1 if there is none.
func (l *Layout) IndexOf(name []byte) int {
	if i, known := l.byName[string(name)]; known {
		return i
	}
	return -1
}

// layouts holds the *Layout of each type that was asked for, by reflect.Type.
var layouts sync.Map

// encoders and decoders are the interfaces of types that encode and decode themselves. A type has a method if a pointer
// to it has it.
var (
	encoders = []reflect.Type{reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler]()}
	decoders = []reflect.Type{reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()}
)

// Of returns the layout of t, which is neither a pointer nor an interface.
func Of(t reflect.Type) *Layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*Layout)
	}
	implements := reflect.PointerTo(t).Implements
	l := &Layout{
		Encodes: slices.ContainsFunc(encoders, implements),
		Decodes: slices.ContainsFunc(decoders, implements),
		byName:  make(map[string]int),
	}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			l.addField(t, t.Field(i))
		}
		if l.hidden && len(l.Fields) == 0 {
			l.Err = fmt.Errorf("no field of %s is exported", t)
		}
	}
	layouts.Store(t, l)
	return l
}

// addField adds the field f of the struct t to its layout.
func (l *Layout) addField(t reflect.Type, f reflect.StructField) {
	tag := f.Tag.Get("msgpack")
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case tag == "-" || !strings.Contains(options, "noinline") && l.inline(t, f):
	case !f.IsExported():
		l.hidden = l.hidden || f.Type.Size() > 0
	case strings.Contains(options, "intern"), strings.Contains(options, "alias:"):
		l.Err = fmt.Errorf("%w: field %s of %s has it: %s", ErrOption, f.Name, t, options)
	default:
		l.add(t, Field{
			Name: cmp.Or(name, f.Name), Atom: slices.Contains(strings.Split(options, ","), "atom"),
			index: f.Index, omitEmpty: strings.Contains(options, "omitempty"),
		})
	}
}

// inline adds the fields of the struct that f, a field of t, embeds. It returns false if f is no such field, if its type
// has methods of its own, or if one of the names is taken: then f travels as one field, so that nothing is lost.
func (l *Layout) inline(t reflect.Type, f reflect.StructField) bool {
	inner := f.Type
	if inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	if !f.Anonymous || inner.Kind() != reflect.Struct {
		return false
	}
	from := Of(inner)
	taken := slices.ContainsFunc(from.Fields, func(g Field) bool { _, taken := l.byName[g.Name]; return taken })
	if from.Encodes || from.Decodes || taken && f.IsExported() {
		return false
	}
	for _, g := range from.Fields {
		g.index = slices.Concat(f.Index, g.index)
		l.add(t, g)
	}
	l.hidden = l.hidden || from.hidden
	return true
}

// add adds f, a field of t.
func (l *Layout) add(t reflect.Type, f Field) {
	if _, taken := l.byName[f.Name]; taken {
		l.Err = fmt.Errorf("two fields of %s are called %q", t, f.Name)
	}
	l.byName[f.Name] = len(l.Fields)
	l.Fields = append(l.Fields, f)
}

// Get returns the field f of the struct v; an invalid Value if f does not travel, because it is in a struct that is not
// there, or by the rule of encoding/json for omitempty.
func (f *Field) Get(v reflect.Value) reflect.Value {
	v, err := v.FieldByIndexErr(f.index)
	if err != nil || !f.omitEmpty || v.Kind() == reflect.Struct {
		return v
	}
	isEmpty := v.IsZero()
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Array:
		isEmpty = v.Len() == 0
	}
	if isEmpty {
		return reflect.Value{}
	}
	return v
}

// GetOrMake returns the field f of the struct v, and makes the embedded structs on the way. It panics if one of them must be
// made and is not exported.
func (f *Field) GetOrMake(v reflect.Value) reflect.Value {
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// IsNil reports whether v is nil.
func IsNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return !v.IsValid()
}

// Addressable returns a pointer to v, or to a copy of v.
func Addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v.Addr()
	}
	copied := reflect.New(v.Type())
	copied.Elem().Set(v)
	return copied
}
