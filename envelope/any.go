package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"time"
)

// ErrMapKey reports a map with a key that Go cannot look up or that JSON has no form for: an array, a map or, in Go, a
// binary.
var ErrMapKey = errors.New("envelope: a key of that type cannot be represented")

// anyAt returns the guarded value at b[p] as DecodeValue stores it in an any, and where it ends. It recurses as deep as
// the value nests, which the guard has bounded.
func anyAt(b []byte, p int) (v any, end int, err error) {
	switch forms[b[p]].family {
	case familyMap:
		return mapAt(b, p)
	case familyArray:
		list := []any{}
		end, err = readList(b, p, reflect.ValueOf(&list).Elem())
		return list, end, err
	}
	end = skip(b, p)
	switch forms[b[p]].family {
	case familyInteger:
		u, negative, _ := integer(b, p)
		if !negative && u > math.MaxInt64 {
			return u, end, nil
		}
		return int64(u), end, nil
	case familyNil:
		return nil, end, nil
	case familyBool:
		return b[p] == codeTrue, end, nil
	case familyFloat:
		if b[p] == codeFloat32 {
			return float32(floatAt(b, p)), end, nil
		}
		return floatAt(b, p), end, nil
	case familyBinary:
		return bytes.Clone(contents(b, p)), end, nil
	case familyString:
		return string(contents(b, p)), end, nil
	default:
		return timeAt(b, p), end, nil
	}
}

// mapAt is anyAt for a map: a map[string]any if all keys are strings, otherwise a map[any]any. If a key appears twice,
// the last value counts.
func mapAt(b []byte, p int) (v any, end int, err error) {
	n, p, err := headerOf(b, p, familyMap)
	if err != nil {
		return nil, 0, err
	}
	named := make(map[string]any, n)
	for i := range n {
		key, err := contentsOf(b, p, familyString)
		if err != nil {
			return mixedMapAt(b, p, n-i, named)
		}
		if named[string(key)], p, err = anyAt(b, skip(b, p)); err != nil {
			return nil, 0, err
		}
	}
	return named, p, nil
}

// mixedMapAt decodes the rest of a map: n entries from b[p] on. named holds the entries before, which it keeps: to
// decode them again would double the work with each level.
func mixedMapAt(b []byte, p, n int, named map[string]any) (v any, end int, err error) {
	mixed := make(map[any]any, len(named)+n)
	for key, value := range named {
		mixed[key] = value
	}
	end, err = readEntries(b, p, n, reflect.ValueOf(mixed))
	return mixed, end, err
}

// floatAt returns the float at b[p], of either width.
func floatAt(b []byte, p int) float64 {
	if b[p] == codeFloat32 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[p+1:])))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[p+1:]))
}

// timeAt returns the timestamp at b[p], in the local zone.
func timeAt(b []byte, p int) time.Time {
	sec, nsec := timestamp(contents(b, p))
	return time.Unix(sec, int64(nsec))
}
