package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrMapKey reports a map with a key that Go cannot look up, or JSON not spell: a binary (in Go alone), an array or a
// map.
var ErrMapKey = errors.New("envelope: a key of that type cannot be represented")

// anyAt returns the guarded value at b[p] as DecodeValue into any has it, and where it ends. Its depth is that of the
// value, which the guard has bounded.
func anyAt(b []byte, p int) (v any, end int, err error) {
	if u, negative, ok := integer(b, p); ok {
		if !negative && u > math.MaxInt64 {
			return u, skip(b, p), nil
		}
		return int64(u), skip(b, p), nil
	}
	switch c := b[p]; {
	case c == codeNil:
		return nil, p + 1, nil
	case c == codeFalse, c == codeTrue:
		return c == codeTrue, p + 1, nil
	case c >= fixMap && c < fixArray, c == codeMap16, c == codeMap32:
		return mapAt(b, p)
	case c >= fixArray && c < fixStr, c == codeArray16, c == codeArray32:
		return arrayAt(b, p)
	case c == codeFloat32:
		return float32(floatAt(b, p)), skip(b, p), nil
	case c == codeFloat64:
		return floatAt(b, p), skip(b, p), nil
	case c >= codeBin8 && c <= codeBin32:
		data, err := bin(b, p)
		return bytes.Clone(data), skip(b, p), err
	case c == codeFixExt4, c == codeFixExt8, c == codeExt8:
		end := skip(b, p)
		return timeAt(b, p, end), end, nil
	default:
		s, err := text(b, p)
		return string(s), skip(b, p), err
	}
}

// arrayAt is anyAt for an array.
func arrayAt(b []byte, p int) (v []any, end int, err error) {
	n, p, err := array(b, p)
	if err != nil {
		return nil, 0, err
	}
	v = make([]any, n)
	for i := range v {
		if v[i], p, err = anyAt(b, p); err != nil {
			return nil, 0, err
		}
	}
	return v, p, nil
}

// mapAt is anyAt for a map: a map[string]any if all keys are strings, otherwise a map[any]any. Of a key that appears
// twice, the last counts.
func mapAt(b []byte, p int) (v any, end int, err error) {
	n, p, err := mapping(b, p)
	if err != nil {
		return nil, 0, err
	}
	named := make(map[string]any, n)
	for i := range n {
		key, err := text(b, p)
		if err != nil {
			return mixedMapAt(b, p, n-i, named)
		}
		if named[string(key)], p, err = anyAt(b, skip(b, p)); err != nil {
			return nil, 0, err
		}
	}
	return named, p, nil
}

// mixedMapAt goes on with a map that had the entries named up to b[p], where the first of n more begins. It takes over what
// was decoded: doing that again would double the work with each level.
func mixedMapAt(b []byte, p, n int, named map[string]any) (v any, end int, err error) {
	mixed := make(map[any]any, len(named)+n)
	for key, value := range named {
		mixed[key] = value
	}
	for range n {
		key, value, err := anyAt(b, p)
		if err != nil {
			return nil, 0, err
		}
		switch key.(type) {
		case []byte, []any, map[string]any, map[any]any:
			return nil, 0, fmt.Errorf("%w: %T", ErrMapKey, key)
		}
		if mixed[key], p, err = anyAt(b, value); err != nil {
			return nil, 0, err
		}
	}
	return mixed, p, nil
}

// floatAt returns the float at b[p], of either width.
func floatAt(b []byte, p int) float64 {
	if b[p] == codeFloat32 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[p+1:])))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[p+1:]))
}

// timeAt returns the timestamp at b[p:end], in the local zone.
func timeAt(b []byte, p, end int) time.Time {
	sec, nsec := timestamp(b[headerEnd(b, p):end])
	return time.Unix(sec, int64(nsec))
}
