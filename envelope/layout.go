package envelope

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

// A layout says how values of one type travel.
type layout struct {
	encodes bool // a method of the type encodes it
	decodes bool // a method of the type decodes it

	// Of a struct:
	fields []field
	byName map[string]int // in fields
	hidden bool           // there are fields that do not travel because they are not exported
	err    error          // why no value of the type can travel
}

// A field is one field of a struct, perhaps inside embedded structs.
type field struct {
	name      string
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

// layoutOf returns the layout of t, which is neither a pointer nor an interface.
func layoutOf(t reflect.Type) *layout {
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
			l.err = fmt.Errorf("%w: no field of %s is exported", ErrEncode, t)
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
		l.err = fmt.Errorf("%w: field %s of %s asks for it: %s", ErrExtension, f.Name, t, options)
	default:
		l.add(t, field{cmp.Or(name, f.Name), f.Index, strings.Contains(options, "omitempty")})
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
		l.add(t, field{g.name, slices.Concat(f.Index, g.index), g.omitEmpty})
	}
	l.hidden = l.hidden || from.hidden
	return true
}

// add adds f, a field of t.
func (l *layout) add(t reflect.Type, f field) {
	if _, taken := l.byName[f.name]; taken {
		l.err = fmt.Errorf("%w: two fields of %s are called %q", ErrEncode, t, f.name)
	}
	l.byName[f.name] = len(l.fields)
	l.fields = append(l.fields, f)
}
