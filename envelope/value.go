package envelope

import (
	"errors"
	"slices"
)

// ErrEncode reports a Go value that has no encoding: a func, a chan or the like, or a value whose own method of
// encoding failed or panicked.
var ErrEncode = errors.New("envelope: the value cannot be encoded")

// appendInside appends v to out. v will lie inside depth arrays of an envelope that holds elements values, v included
// but not the values inside v. The appended bytes have passed the guard. After an error it returns b.
func appendInside(b, out []byte, v any, depth, elements int) ([]byte, error) {
	var err error
	if r, isRaw := v.(Raw); isRaw { // without reflection, which would allocate
		out, err = appendRaw(out, r, depth, elements)
	} else {
		w := writer{walker: walker{elements: elements}, b: out, outer: depth}
		err = w.any(v)
		out = w.b
	}
	if err != nil {
		return b, err
	}
	return out, nil
}

// appendRaw is appendInside for a Raw. After an error the slice means nothing.
func appendRaw(b []byte, r Raw, depth, elements int) ([]byte, error) {
	data, err := r.msgpack()
	if err != nil {
		return nil, err
	}
	w := walker{elements: elements}
	return w.appendValue(b, data, depth)
}

// appendValue appends data to b, which must be one value that will lie inside depth arrays and maps.
func (w *walker) appendValue(b, data []byte, depth int) ([]byte, error) {
	start := len(b)
	b = append(b, data...)
	return b, w.rest(b, start, depth)
}

// makeRoom returns b. If b has no room for v, it is grown by v and around bytes more, so that a large v is copied once.
func makeRoom(b []byte, v any, around int) []byte {
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	case Raw:
		n = len(v.b)
	}
	if n <= cap(b)-len(b) {
		return b
	}
	return slices.Grow(b, n+around)
}
