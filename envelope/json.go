package envelope

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/jsontext"
)

// MarshalJSON implements json.Marshaler. The zero Raw is null; other values are as AppendJSON of their codec writes them.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r.codec == nil {
		return []byte("null"), nil
	}
	return r.codec.AppendJSON(nil, r.b)
}

// AppendJSON implements Codec. Integers have all their digits, floats a fraction or an exponent; NaN and the
// infinities, and times outside the years 0 to 9999, are null. A binary is a string in base64 (RFC 4648 with padding),
// a timestamp one in RFC 3339, in UTC. A key that is not a string is written as a string of its JSON; an array or a map
// as a key is ErrMapKey. Bytes that are not UTF-8 become U+FFFD. Every control character is escaped, even those that
// JSON allows, so that no peer can control a terminal.
func (msgpackCodec) AppendJSON(b, data []byte) ([]byte, error) {
	if err := guardAll(data); err != nil {
		return b, err
	}
	out, _, err := appendJSON(b, data, 0)
	if err != nil {
		return b, err
	}
	return out, nil
}

// appendJSON appends the guarded value at b[p] as JSON, and returns where the value ends. It recurses as deep as the
// value nests.
func appendJSON(out, b []byte, p int) (_ []byte, end int, err error) {
	switch f := forms[b[p]].family; f {
	case familyArray:
		return appendEntries(append(out, '['), b, p, f, ']')
	case familyMap:
		return appendEntries(append(out, '{'), b, p, f, '}')
	}
	s, quoted := scalarText(b, p)
	if quoted {
		return jsontext.AppendString(out, s), skip(b, p), nil
	}
	return append(out, s...), skip(b, p), nil
}

// appendEntries appends what the array or map at b[p] holds, and last.
func appendEntries(out, b []byte, p int, f family, last byte) (_ []byte, end int, err error) {
	n, p, err := headerOf(b, p, f)
	for i := 0; i < n && err == nil; i++ {
		if i > 0 {
			out = append(out, ',')
		}
		if f == familyMap {
			// An array or a map as a key would be quoted again at each level, and would double in size each time.
			if key := forms[b[p]].family; key == familyArray || key == familyMap {
				return nil, 0, fmt.Errorf("%w: %s", ErrMapKey, key)
			}
			key, _ := scalarText(b, p)
			out = append(jsontext.AppendKey(out, key), ':')
			p = skip(b, p)
		}
		out, p, err = appendJSON(out, b, p)
	}
	return append(out, last), p, err
}

// scalarText returns the JSON of the guarded value at b[p], which is neither an array nor a map. If quoted, s is the
// contents of a JSON string.
func scalarText(b []byte, p int) (s []byte, quoted bool) {
	switch forms[b[p]].family {
	case familyString:
		return contents(b, p), true
	case familyInteger:
		u, negative, _ := integer(b, p)
		if negative {
			return strconv.AppendInt(nil, int64(u), 10), false
		}
		return strconv.AppendUint(nil, u, 10), false
	case familyNil:
		return []byte("null"), false
	case familyBool:
		return strconv.AppendBool(nil, b[p] == codeTrue), false
	case familyFloat:
		return jsontext.Float(floatAt(b, p), 8*int(forms[b[p]].size-1)), false
	case familyBinary:
		return base64.StdEncoding.AppendEncode(nil, contents(b, p)), true
	}
	t := timeAt(b, p).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return []byte("null"), false
	}
	return t.AppendFormat(nil, time.RFC3339Nano), true
}
