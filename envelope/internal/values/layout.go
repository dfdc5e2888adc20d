package values

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// A layout says how values of one type travel. It must not be changed.
type layout struct {
	encodes bool // a method of the type encodes it
	decodes bool // a method of the type decodes it

	// Of a struct:
	fields []field
	err    error          // why no value of the type can travel
	byName map[string]int // in fields
	hidden bool           // there are fields that do not travel because they are not exported
}

// A field is one field of a struct, perhaps inside embedded structs.
type field struct {
	name      string
	isAtom    bool // the tag has the option atom: in the BEAM dialect the name is written as an atom
	index     []int
	omitEmpty bool
}

// layouts holds the *layout of each type that was asked for, by reflect.Type.
var layouts sync.Map

// encoders and decoders are the interfaces of types that encode and decode themselves. A type has a method if a pointer
// to it has it.
var (
	encoders = []reflect.Type{reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler]()}
	decoders = []reflect.Type{reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()}
)

// basic holds Go's own types by their kind. They need no search for their layout, noMethods.
var basic = func() (types [reflect.String + 1]reflect.Type) {
	for _, v := range []any{false, 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0),
		float32(0), 0.0, ""} {
		types[reflect.TypeOf(v).Kind()] = reflect.TypeOf(v)
	}
	return types
}()

var noMethods layout

// layoutOf returns the layout of t, which is neither a pointer nor an interface.
func layoutOf(t reflect.Type) *layout {
	if k := int(t.Kind()); k < len(basic) && basic[k] == t {
		return &noMethods
	}
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	implements := reflect.PointerTo(t).Implements
	l := &layout{
		encodes: slices.ContainsFunc(encoders, implements),
		decodes: slices.ContainsFunc(decoders, implements),
		byName:  make(map[string]int),
	}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			l.addField(t, t.Field(i))
		}
		if l.hidden && len(l.fields) == 0 {
			l.err = fmt.Errorf("no field of %s is exported", t)
		}
	}
	layouts.Store(t, l)
	return l
}

// addField adds the field f of the struct t to its layout.
func (l *layout) addField(t reflect.Type, f reflect.StructField) {
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
		l.err = fmt.Errorf("%w: field %s of %s has an option that needs one: %s", ErrExtension, f.Name, t, options)
	default:
		l.add(t, field{
			name: cmp.Or(name, f.Name), isAtom: slices.Contains(strings.Split(options, ","), "atom"),
			index: f.Index, omitEmpty: strings.Contains(options, "omitempty"),
		})
	}
}

// inline adds the fields of the struct that f, a field of t, embeds. It returns false if f is no such field, if its type
// has methods of its own, or if one of the names is taken: then f travels as one field, so that nothing is lost.
func (l *layout) inline(t reflect.Type, f reflect.StructField) bool {
	inner := f.Type
	if inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	if !f.Anonymous || inner.Kind() != reflect.Struct {
		return false
	}
	from := layoutOf(inner)
	taken := slices.ContainsFunc(from.fields, func(g field) bool { _, taken := l.byName[g.name]; return taken })
	if from.encodes || from.decodes || taken && f.IsExported() {
		return false
	}
	for _, g := range from.fields {
		g.index = slices.Concat(f.Index, g.index)
		l.add(t, g)
	}
	l.hidden = l.hidden || from.hidden
	return true
}

// add adds f, a field of t.
func (l *layout) add(t reflect.Type, f field) {
	if _, taken := l.byName[f.name]; taken {
		l.err = fmt.Errorf("two fields of %s are called %q", t, f.name)
	}
	l.byName[f.name] = len(l.fields)
	l.fields = append(l.fields, f)
}

// get returns the field f of the struct v; an invalid Value if f does not travel, because it is in a struct that is not
// there, or by the rule of encoding/json for omitempty.
func (f *field) get(v reflect.Value) reflect.Value {
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

// getOrMake returns the field f of the struct v, and makes the embedded structs on the way. It panics if one of them must be
// made and is not exported.
func (f *field) getOrMake(v reflect.Value) reflect.Value {
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

// isNil reports whether v is nil.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return !v.IsValid()
}

// addressable returns a pointer to v, or to a copy of v.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v.Addr()
	}
	copied := reflect.New(v.Type())
	copied.Elem().Set(v)
	return copied
}
