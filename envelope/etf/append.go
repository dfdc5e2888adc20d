package etf

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// The functions below append a term, or what it begins with, in its shortest form.

func appendAtom[T string | []byte](b []byte, name T) []byte {
	if len(name) <= math.MaxUint8 {
		b = append(b, tagSmallAtomUTF8, byte(len(name)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, tagAtomUTF8), uint16(len(name)))
	}
	return append(b, name...)
}

func appendInt(b []byte, i int64) []byte {
	switch {
	case i >= 0 && i <= math.MaxUint8:
		return append(b, tagSmallInteger, byte(i))
	case i >= math.MinInt32 && i <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, tagInteger), uint32(int32(i)))
	}
	return appendMagnitude(b, i < 0, uint64(max(i, -i))) // the least int64 is its own negative, and the right magnitude
}

func appendUint(b []byte, u uint64) []byte {
	if u <= math.MaxInt32 {
		return appendInt(b, int64(u))
	}
	return appendMagnitude(b, false, u)
}

func appendMagnitude(b []byte, isNegative bool, u uint64) []byte {
	var digits [8]byte
	binary.LittleEndian.PutUint64(digits[:], u)
	return appendBig(b, isNegative, digits[:])
}

// appendBig appends an integer of that sign and magnitude in little-endian order, which needs more than 4 bytes.
func appendBig(b []byte, isNegative bool, digits []byte) []byte {
	digits = bytes.TrimRight(digits, "\x00")
	if len(digits) <= math.MaxUint8 {
		b = append(b, tagSmallBig, byte(len(digits)))
	} else {
		b = binary.BigEndian.AppendUint32(append(b, tagLargeBig), uint32(len(digits)))
	}
	sign := byte(0)
	if isNegative {
		sign = 1
	}
	return append(append(b, sign), digits...)
}

// appendInteger appends the integer in from that h begins.
func appendInteger(b, from []byte, h values.Head) []byte {
	switch h.Kind {
	case values.Int:
		return appendInt(b, int64(h.N))
	case values.Uint:
		return appendUint(b, h.N)
	}
	isNegative, digits := h.Big(from)
	return appendBig(b, isNegative, digits)
}

// appendFloat appends a float, which must be finite, even if its value is whole: what is sent as a float arrives as a float.
func appendFloat(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(f))
}

func appendBinary[T string | []byte](b []byte, data T) []byte {
	return append(binary.BigEndian.AppendUint32(append(b, tagBinary), uint32(len(data))), data...)
}

// appendTuple appends what a tuple of n elements begins with.
func appendTuple(b []byte, n int) []byte {
	if n <= math.MaxUint8 {
		return append(b, tagSmallTuple, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, tagLargeTuple), uint32(n))
}

// appendMap appends what a map of n entries begins with.
func appendMap(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(b, tagMap), uint32(n))
}

// appendList appends what a list of n elements begins with. The elements follow, and then its tail.
func appendList(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(b, tagList), uint32(n))
}

// finishList ends a proper list of n elements that begins at b[start]. If they are all bytes, the list gets the form of a
// string; if there are none, that of the empty list.
func finishList(b []byte, start, n int) []byte {
	first := start + 5
	switch {
	case n == 0:
		return append(b[:start], tagNil)
	case n > maxString || len(b)-first != 2*n:
		return append(b, tagNil)
	}
	for p := first; p < len(b); p += 2 {
		if b[p] != tagSmallInteger {
			return append(b, tagNil)
		}
	}
	b[start] = tagString
	binary.BigEndian.PutUint16(b[start+1:], uint16(n))
	for i := range n {
		b[start+3+i] = b[first+2*i+1]
	}
	return b[:start+3+n]
}
