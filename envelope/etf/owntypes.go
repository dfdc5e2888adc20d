package etf

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// terms is what this dialect has beyond the native one.
var terms = values.Terms{
	Atom:     func(name []byte) any { return envelope.Atom(name) },
	Tuple:    func(elements []any) any { return envelope.Tuple(elements) },
	Improper: func(elements []any, tail any) any { return envelope.ImproperList{Elements: elements, Tail: tail} },
	OwnTypes: map[reflect.Type]values.OwnType{
		reflect.TypeFor[envelope.Atom]():         {Read: readAtom, Write: writeAtom},
		reflect.TypeFor[envelope.Tuple]():        {Read: readSame, Write: writeTuple},
		reflect.TypeFor[envelope.ImproperList](): {Read: readSame, Write: writeImproper},
		reflect.TypeFor[big.Int]():               {Read: readBig, Write: writeBig},
	},
	AppendAtom: appendName,
	FinishList: finishList,
	CheckKeys:  checkEntries,
}

// readAtom sets v, an Atom, to an atom of any name.
func readAtom(b []byte, _ int, h values.Head, v reflect.Value) (end int, err error) {
	if !h.IsAtom() {
		return 0, values.ErrKind
	}
	v.SetString(string(h.Name(b)))
	return h.Next, nil
}

// readSame sets v, a Tuple or an ImproperList, to a term of that kind.
func readSame(b []byte, p int, h values.Head, v reflect.Value) (end int, err error) {
	if h.Kind == values.Nil && v.Kind() == reflect.Slice {
		v.SetZero()
		return h.Next, nil
	}
	value, end, err := values.Any(format{}, b, p)
	if err == nil && reflect.TypeOf(value) != v.Type() {
		err = values.ErrKind
	}
	if err != nil {
		return 0, err
	}
	v.Set(reflect.ValueOf(value))
	return end, nil
}

// readBig sets v, a big.Int, to an integer.
func readBig(b []byte, _ int, h values.Head, v reflect.Value) (end int, err error) {
	switch h.Kind {
	case values.Int, values.Uint, values.Big:
		v.Addr().Interface().(*big.Int).Set(h.Integer(b))
		return h.Next, nil
	}
	return 0, envelope.ErrInteger
}

// appendName appends the atom called name, if there can be one.
func appendName(b []byte, name string) ([]byte, error) {
	if !isAtomName([]byte(name)) {
		return b, fmt.Errorf("%w: %w", envelope.ErrEncode, ErrAtom)
	}
	return appendAtom(b, name), nil
}

// writeAtom appends an Atom.
func writeAtom(w values.Writer, v reflect.Value, _ int) (_ values.Writer, err error) {
	w.B, err = appendName(w.B, v.String())
	return w, err
}

// writeTuple appends a Tuple.
func writeTuple(w values.Writer, v reflect.Value, depth int) (values.Writer, error) {
	if err := w.Enter(v.Len(), depth); err != nil {
		return w, err
	}
	w.B = appendTuple(w.B, v.Len())
	err := w.Each(v, depth)
	return w, err
}

// writeImproper appends an ImproperList.
func writeImproper(w values.Writer, v reflect.Value, depth int) (values.Writer, error) {
	elements, last := v.Field(0), v.Field(1)
	n := elements.Len()
	if n == 0 {
		return w, fmt.Errorf("%w: an improper list has at least one element", envelope.ErrEncode)
	}
	if err := w.Enter(n+1, depth); err != nil {
		return w, err
	}
	w.B = appendList(w.B, n)
	if err := w.Each(elements, depth); err != nil {
		return w, err
	}
	tail := len(w.B)
	err := w.Value(last, depth+1)
	if err == nil && termNames[forms[w.B[tail]].kind] == "list" {
		err = fmt.Errorf("%w: the tail of an improper list is a list", envelope.ErrEncode)
	}
	return w, err
}

// writeBig appends a big.Int of up to MaxInteger bytes.
func writeBig(w values.Writer, v reflect.Value, _ int) (values.Writer, error) {
	i := v.Interface().(big.Int)
	if (i.BitLen()+7)/8 > MaxInteger {
		return w, fmt.Errorf("%w: %w", envelope.ErrEncode, ErrBig)
	}
	switch {
	case i.IsInt64():
		w.B = appendInt(w.B, i.Int64())
	case i.IsUint64():
		w.B = appendUint(w.B, i.Uint64())
	default:
		digits := i.Bytes()
		slices.Reverse(digits)
		w.B = appendBig(w.B, i.Sign() < 0, digits)
	}
	return w, nil
}
