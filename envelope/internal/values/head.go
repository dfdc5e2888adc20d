package values

import (
	"math"
	"math/big"
	"slices"
	"time"
	"unicode/utf8"
)

// A Kind says what a value is, whichever form it has in its dialect.
type Kind uint8

// The kinds of values, and what their Head holds. "Bytes" are the N bytes before Next.
const (
	Never Kind = iota // begins no value
	Nil               // bytes: the name, if it is an atom. So it is for False and True
	False
	True
	Atom     // bytes: the name in UTF-8
	Latin    // bytes: the name of an atom in Latin-1, and not in ASCII
	Int      // N: the two's complement of an int64
	Uint     // N, which an int64 cannot hold
	Big      // bytes: the magnitude in little-endian order, after a byte that is 0 unless the integer is below 0
	Float32  // N: the bits
	Float64  // N: the bits
	String   // bytes
	Binary   // bytes
	Text     // bytes: a string if they are UTF-8, otherwise a binary
	Time     // N: the two's complement of the seconds since 1970. Nanos in addition
	List     // N elements
	ByteList // bytes: a list of these integers
	LongList // N elements, at least one, and a tail
	Tuple    // N elements
	Map      // N entries
)

// A Head is what a value begins with: all of it, if it is no list, tuple or map. It has no more fields than the compiler
// keeps in registers.
type Head struct {
	Kind  Kind
	Nanos uint32
	N     uint64
	Next  int // where the value ends, or the first one in it begins
}

// bytes returns the bytes of the value, without room to append.
func (h Head) bytes(b []byte) []byte { return b[h.Next-int(h.N) : h.Next : h.Next] }

// IsAtom reports whether the value is an atom: nil and the bools are, if the dialect has atoms.
func (h Head) IsAtom() bool { return h.Kind >= Nil && h.Kind <= Latin }

// Name returns the name of an atom in UTF-8: a part of b, unless it must be converted.
func (h Head) Name(b []byte) []byte {
	if h.Kind != Latin {
		return h.bytes(b)
	}
	converted := make([]byte, 0, 2*h.N)
	for _, c := range h.bytes(b) {
		converted = utf8.AppendRune(converted, rune(c))
	}
	return converted
}

// Binary returns what Go holds in a []byte: the contents of a string or a binary, or nil for nil. It is a part of b.
func (h Head) Binary(b []byte) ([]byte, error) {
	switch h.Kind {
	case Nil:
		return nil, nil
	case String, Binary, Text:
		return h.bytes(b), nil
	}
	return nil, ErrBinary
}

// text returns what Go holds in a string.
func (h Head) text(b []byte) ([]byte, error) {
	switch h.Kind {
	case Nil, String, Binary, Text, Atom, Latin:
		return h.Name(b), nil
	}
	return nil, ErrString
}

// isString reports whether the value becomes a string in an any.
func (h Head) isString(b []byte) bool {
	return h.Kind == String || h.Kind == Text && utf8.Valid(h.bytes(b))
}

func (h Head) isFloat() bool { return h.Kind == Float32 || h.Kind == Float64 }

func (h Head) float() float64 {
	if h.Kind == Float32 {
		return float64(math.Float32frombits(uint32(h.N)))
	}
	return math.Float64frombits(h.N)
}

// time returns the value of a Time, in the local zone.
func (h Head) time() time.Time { return time.Unix(int64(h.N), int64(h.Nanos)) }

// Integer returns the value of an Int, Uint or Big.
func (h Head) Integer(b []byte) *big.Int {
	v := new(big.Int)
	switch h.Kind {
	case Int:
		return v.SetInt64(int64(h.N))
	case Uint:
		return v.SetUint64(h.N)
	}
	isNegative, digits := h.Big(b)
	digits = slices.Clone(digits)
	slices.Reverse(digits)
	if v.SetBytes(digits); isNegative {
		v.Neg(v)
	}
	return v
}

// Big returns the sign of a Big, and its magnitude in little-endian order.
func (h Head) Big(b []byte) (isNegative bool, digits []byte) {
	return b[h.Next-int(h.N)-1] != 0, h.bytes(b)
}
