package etf

import (
	"encoding/binary"
	"math"
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

func appendBool(b []byte, v bool) []byte {
	if v {
		return appendAtom(b, "true")
	}
	return appendAtom(b, "false")
}

func appendNil(b []byte) []byte { return appendAtom(b, "nil") }

func appendInteger(b []byte, i integer) []byte {
	v, fits := i.int64()
	switch {
	case fits && v >= 0 && v <= math.MaxUint8:
		return append(b, tagSmallInteger, byte(v))
	case fits && v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, tagInteger), uint32(int32(v)))
	}
	digits := i.large
	if digits == nil {
		var room [8]byte
		binary.LittleEndian.PutUint64(room[:], i.small)
		digits = room[:]
		for digits[len(digits)-1] == 0 {
			digits = digits[:len(digits)-1]
		}
	}
	if len(digits) <= math.MaxUint8 {
		b = append(b, tagSmallBig, byte(len(digits)))
	} else {
		b = binary.BigEndian.AppendUint32(append(b, tagLargeBig), uint32(len(digits)))
	}
	sign := byte(0)
	if i.negative {
		sign = 1
	}
	return append(append(b, sign), digits...)
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
