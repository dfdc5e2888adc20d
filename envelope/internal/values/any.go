package values

import (
	"bytes"
	"reflect"
)

// Any returns the guarded value at b[p] as DecodeValue of the codec stores it in an any, and where it ends.
func Any(f Format, b []byte, p int) (v any, end int, err error) {
	r := reader{f, f.Terms(), b}
	return r.any(p)
}

// any is Any. It recurses as deep as the value nests, which the guard has bounded.
func (r *reader) any(p int) (v any, end int, err error) {
	h := r.f.Head(r.b, p)
	switch h.Kind {
	case Nil:
	case False, True:
		v = h.Kind == True
	case Int:
		v = int64(h.N)
	case Uint:
		v = h.N
	case Big:
		v = h.Integer(r.b)
	case Float32:
		v = float32(h.float())
	case Float64:
		v = h.float()
	case Atom, Latin:
		v = r.terms.Atom(h.Name(r.b))
	case Time:
		v = h.time()
	case String, Binary, Text:
		if h.isString(r.b) {
			v = string(h.bytes(r.b))
		} else {
			v = bytes.Clone(h.bytes(r.b))
		}
	case Map:
		return r.anyMap(int(h.N), h.Next)
	default:
		return r.anyList(h)
	}
	return v, h.Next, nil
}

// anyList is any for a list or a tuple.
func (r *reader) anyList(h Head) (v any, end int, err error) {
	in, p, n := r.elements(h)
	list := make([]any, n)
	for i := range list {
		if list[i], p, err = in.any(p); err != nil {
			return nil, 0, err
		}
	}
	switch h.Kind {
	case ByteList:
		return list, h.Next, nil
	case Tuple:
		return r.terms.Tuple(list), p, nil
	case LongList:
		if end, isProper := r.tail(p); isProper {
			return list, end, nil
		}
		tail, end, err := r.any(p)
		return r.terms.Improper(list, tail), end, err
	}
	return list, p, nil
}

// anyMap is any for a map of n entries from p on: a map[string]any if all keys are strings, otherwise a map[any]any. If a
// key appears twice, the last value counts.
func (r *reader) anyMap(n, p int) (v any, end int, err error) {
	named := make(map[string]any, n)
	for i := range n {
		key := r.f.Head(r.b, p)
		if !key.isString(r.b) {
			// The entries before keep their values: to decode them again would double the work with each level.
			mixed := make(map[any]any, n)
			for key, value := range named {
				mixed[key] = value
			}
			end, err = r.entries(p, n-i, reflect.ValueOf(mixed))
			return mixed, end, err
		}
		if named[string(key.bytes(r.b))], p, err = r.any(key.Next); err != nil {
			return nil, 0, err
		}
	}
	return named, p, nil
}
