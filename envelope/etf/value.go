package etf

import (
	"bytes"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// AppendValue implements envelope.Codec, with the rules of wire.md §13.4. nil, true and false are atoms, strings and bytes are
// binaries, structs and maps are maps, other slices and arrays are lists. Names of fields are binaries; those of fields whose
// tag has the option atom, as in `msgpack:"name,atom"`, are atoms. A time.Time is a binary in RFC 3339, in UTC. What encodes
// itself into bytes or text is a binary.
func (codec) AppendValue(b []byte, v any) ([]byte, error) { return appendInside(b, b, v, 0, 1) }

// appendInside appends v to out. v will lie inside depth terms of an envelope that holds elements terms, v included but
// not those inside v. After an error it returns b.
func appendInside(b, out []byte, v any, depth, elements int) ([]byte, error) {
	r, isRaw := v.(envelope.Raw)
	if !isRaw {
		return values.Append(format{}, b, out, v, depth, elements)
	}
	data, err := termOf(r) // without reflection, which would allocate
	if err != nil {
		return b, err
	}
	start := len(out)
	out = append(out, data...)
	w := walker{elements: elements}
	if err := w.rest(out, start, depth); err != nil {
		return b, err
	}
	return out, nil
}

// DecodeValue implements envelope.Codec, with the rules of wire.md §13.4. They are those of the native dialect for what both
// have: nil decodes into the zero value of most types, numbers must be held exactly, floats do not decode into integers,
// keys that no field of a struct has are ignored.
//
// Binaries decode into string and []byte alike, atoms into Atom and string. The keys of structs and of maps with string
// keys are binaries or atoms. Lists and tuples decode into slices and arrays, tuples alone into Tuple. Integers of any
// size decode into a big.Int. A binary in RFC 3339 decodes into a time.Time.
//
// Into any: nil, bool, Atom, int64 (uint64 above 2^63-1, *big.Int beyond 64 bits), float64, string (a []byte if the
// binary is not UTF-8), Tuple, []any, ImproperList, and map[string]any, or map[any]any if not all keys are binaries in UTF-8.
func (codec) DecodeValue(data []byte, v any) error {
	if err := guard(data); err != nil {
		return fmt.Errorf("%w: %w", envelope.ErrDecode, err)
	}
	if r, isRaw := v.(*envelope.Raw); isRaw && r != nil {
		*r = envelope.NewRaw(Codec, bytes.Clone(data))
		return nil
	}
	if err := values.Decode(format{}, data, v); err != nil {
		return fmt.Errorf("%w: a %s into %T: %w", envelope.ErrDecode, termNames[forms[data[0]].kind], v, err)
	}
	return nil
}

// AppendJSON implements envelope.Codec. What JSON has no form for is in the notation of wire.md §13.5, which FromJSON of
// package envelope reads back: atoms, tuples, improper lists, binaries that are not UTF-8, and maps with keys that are not
// strings. Integers have all their digits, floats a fraction or an exponent. Every control character is escaped, so that no peer
// can control a terminal.
func (codec) AppendJSON(b, data []byte) ([]byte, error) {
	if err := guard(data); err != nil {
		return b, err
	}
	return values.AppendJSON(format{}, b, data, 0, 0)
}
