package etf

import (
	"reflect"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// anyAt returns the guarded term at b[p] as DecodeValue stores it in an any, and where it ends. It recurses as deep as the
// term nests.
func anyAt(b []byte, p int) (v any, end int, err error) {
	tag := b[p]
	switch {
	case isAtom(tag):
		return atomValue(b, p), skip(b, p), nil
	case isInteger(tag):
		return integerValue(integerAt(b, p)), skip(b, p), nil
	case isTuple(tag):
		n, p, _ := header(b, p)
		tuple := make(envelope.Tuple, n)
		p, err = fill(b, p, tuple)
		return tuple, p, err
	}
	switch tag {
	case tagFloat:
		return floatAt(b, p), p + 9, nil
	case tagBinary:
		return binaryValue(contents(b, p)), skip(b, p), nil
	case tagMap:
		return mapAt(b, p)
	}
	return listAt(b, p)
}

// atomValue returns an atom: nil, a bool or an Atom.
func atomValue(b []byte, p int) any {
	switch name := atomAt(b, p); string(name) {
	case "nil":
		return nil
	case "true":
		return true
	case "false":
		return false
	default:
		return envelope.Atom(name)
	}
}

// integerValue returns an integer as the first of int64, uint64 and *big.Int that can hold it.
func integerValue(i integer) any {
	if v, ok := i.int64(); ok {
		return v
	}
	if v, ok := i.uint64(); ok {
		return v
	}
	return i.big()
}

// binaryValue returns a copy of a binary: a string if it is UTF-8, otherwise a []byte. Both are written as the same
// binary again.
func binaryValue(data []byte) any {
	if utf8.Valid(data) {
		return string(data)
	}
	return append([]byte{}, data...)
}

// fill decodes the terms from b[p] on into all of list, and returns where the last ends.
func fill(b []byte, p int, list []any) (end int, err error) {
	for i := 0; i < len(list) && err == nil; i++ {
		list[i], p, err = anyAt(b, p)
	}
	return p, err
}

// listAt is anyAt for a list: a []any, or an ImproperList.
func listAt(b []byte, p int) (v any, end int, err error) {
	switch b[p] {
	case tagNil:
		return []any{}, p + 1, nil
	case tagString:
		list := make([]any, 0, len(contents(b, p)))
		for _, c := range contents(b, p) {
			list = append(list, int64(c))
		}
		return list, skip(b, p), nil
	}
	n, p, _ := header(b, p)
	list := make([]any, n)
	if p, err = fill(b, p, list); err != nil {
		return nil, 0, err
	}
	if b[p] == tagNil {
		return list, p + 1, nil
	}
	improper := envelope.ImproperList{Elements: list}
	improper.Tail, end, err = anyAt(b, p)
	return improper, end, err
}

// mapAt is anyAt for a map: a map[string]any if all keys are binaries in UTF-8, otherwise a map[any]any.
func mapAt(b []byte, p int) (v any, end int, err error) {
	n, p, _ := header(b, p)
	if !hasStringKeys(b, p, int(n)) {
		mixed := make(map[any]any, n)
		end, err = readEntries(b, p, int(n), reflect.ValueOf(mixed))
		return mixed, end, err
	}
	named := make(map[string]any, n)
	for range n {
		key := contents(b, p)
		if named[string(key)], p, err = anyAt(b, skip(b, p)); err != nil {
			return nil, 0, err
		}
	}
	return named, p, nil
}

// hasStringKeys reports whether the keys of the n entries from b[p] on are all binaries in UTF-8.
func hasStringKeys(b []byte, p, n int) bool {
	for range n {
		if b[p] != tagBinary || !utf8.Valid(contents(b, p)) {
			return false
		}
		p = skip(b, skip(b, p))
	}
	return true
}
