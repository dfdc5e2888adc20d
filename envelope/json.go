package envelope

import "github.com/seed-f6ddb928/peernet-go/envelope/internal/values"

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
	out, err := values.AppendJSON(native{}, b, data, 0, 0)
	if err != nil {
		return b, err
	}
	return out, nil
}
