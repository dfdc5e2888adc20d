package envelope

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// ErrEncode reports a Go value that has no encoding: a func, a chan or the like, or a value whose own method of
// encoding failed or panicked.
var ErrEncode = errors.New("envelope: the value cannot be encoded")

// appendInside appends v to out. v will lie inside depth arrays of an envelope that holds elements values, v included
// but not the values inside v. The appended bytes have passed the guard. After an error it returns b.
//
// A panic of a method of v is an error.
func appendInside(b, out []byte, v any, depth, elements int) (appended []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: encoding %T panicked: %v", ErrEncode, v, r)
		}
		if err != nil {
			appended = b
		}
	}()
	w := writer{walker: walker{elements: elements}, b: out, outer: depth}
	if r, isRaw := v.(Raw); isRaw { // without reflection, which would allocate
		err = w.raw(r, depth)
	} else {
		err = w.value(reflect.ValueOf(v), depth)
	}
	return w.b, err
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
