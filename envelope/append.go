package envelope

import (
	"encoding/binary"
	"math"
)

// The functions below append a value in its shortest form.

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, codeTrue)
	}
	return append(b, codeFalse)
}

// appendSized appends n in the shortest of 1, 2, 4 and 8 bytes, after the first byte of the form with that width. code8
// is that of one byte, and those of the other widths follow it.
func appendSized(b []byte, code8 byte, n uint64) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(b, code8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, code8+1), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, code8+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, code8+3), n)
}

func appendUint(b []byte, u uint64) []byte {
	if u <= fixIntMax {
		return append(b, byte(u))
	}
	return appendSized(b, codeUint8, u)
}

func appendInt(b []byte, i int64) []byte {
	switch {
	case i >= 0:
		return appendUint(b, uint64(i))
	case i >= -32:
		return append(b, byte(i))
	case i >= math.MinInt8:
		return append(b, codeInt8, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, codeInt16), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, codeInt32), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, codeInt64), uint64(i))
}

func appendString[T string | []byte](b []byte, s T) []byte {
	if n := len(s); n < 32 {
		b = append(b, fixStr|byte(n))
	} else {
		b = appendSized(b, codeStr8, uint64(n))
	}
	return append(b, s...)
}

func appendBinary(b, data []byte) []byte {
	return append(appendSized(b, codeBin8, uint64(len(data))), data...)
}

// appendHeader appends the header of an array or a map of n elements or entries. fix and code16 are the first bytes of its forms.
func appendHeader(b []byte, fix, code16 byte, n int) []byte {
	switch {
	case n < 16:
		return append(b, fix|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, code16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, code16+1), uint32(n))
}

// beginSend appends a send up to its args.
func beginSend(b []byte, name string) []byte {
	return appendString(append(b, fixArray|3, byte(KindSend)), name)
}
