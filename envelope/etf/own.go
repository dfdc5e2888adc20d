package etf

import (
	"math/big"
	"reflect"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// The functions below read a term into the types that are only for terms, and into a big.Int.

// readAtom sets v, an Atom, to an atom of any name.
func readAtom(b []byte, p int, v reflect.Value) (end int, err error) {
	if !isAtom(b[p]) {
		return 0, errKind
	}
	v.SetString(string(atomAt(b, p)))
	return skip(b, p), nil
}

// readTuple sets v, a Tuple, to a tuple.
func readTuple(b []byte, p int, v reflect.Value) (end int, err error) {
	if isAtomNamed(b, p, "nil") {
		v.SetZero()
		return skip(b, p), nil
	}
	if !isTuple(b[p]) {
		return 0, errKind
	}
	value, end, err := anyAt(b, p)
	if err == nil {
		v.Set(reflect.ValueOf(value))
	}
	return end, err
}

// readImproper sets v, an ImproperList, to an improper list.
func readImproper(b []byte, p int, v reflect.Value) (end int, err error) {
	if b[p] != tagList {
		return 0, errKind
	}
	value, end, err := listAt(b, p)
	if improper, ok := value.(envelope.ImproperList); ok && err == nil {
		v.Set(reflect.ValueOf(improper))
		return end, nil
	}
	if err == nil {
		err = errKind
	}
	return 0, err
}

// readBig sets v, a big.Int, to an integer.
func readBig(b []byte, p int, v reflect.Value) (end int, err error) {
	if !isInteger(b[p]) {
		return 0, envelope.ErrInteger
	}
	v.Addr().Interface().(*big.Int).Set(integerAt(b, p).big())
	return skip(b, p), nil
}
