package envelope

import (
	"encoding/binary"
	"errors"
)

// Reasons to refuse a field of an envelope or of a protocol message: not the type, or not one of the values, that
// wire.md §6 asks for.
var (
	// ErrInteger reports something else where an integer must be, a float with a whole value included.
	ErrInteger = errors.New("envelope: not an integer")
	// ErrNegative reports an integer below 0 where none may be.
	ErrNegative = errors.New("envelope: a negative integer")
	// ErrString reports something else where a string must be, a binary included.
	ErrString = errors.New("envelope: not a string")
	// ErrBinary reports something else where a binary must be, a string included.
	ErrBinary = errors.New("envelope: not a binary")
	// ErrArray reports something else where an array must be.
	ErrArray = errors.New("envelope: not an array")
	// ErrMap reports something else where a map must be, nil included.
	ErrMap = errors.New("envelope: not a map")
	// ErrArity reports an array with another number of elements than its place asks for.
	ErrArity = errors.New("envelope: an array of the wrong length")
	// ErrKeys reports a map of the protocol with more than MaxKeys entries.
	ErrKeys = errors.New("envelope: more than 32 keys")
	// ErrDuplicateKey reports a map of the protocol, or an object of FromJSON, that has a key twice.
	ErrDuplicateKey = errors.New("envelope: a key appears twice")
)

// MaxKeys is how many entries a map that the protocol reads may have (the options of a call, the args of a hello). It
// bounds the search for duplicates, which compares each key with those before it.
const MaxKeys = 32

// The functions below read values that the guard has passed. p is where one begins.

// skip returns where the value ends.
func skip(b []byte, p int) int {
	w := walker{}
	end, err := w.value(b, p, 0)
	if err != nil {
		panic("envelope: skipping a value that was not guarded: " + err.Error())
	}
	return end
}

// integer returns an integer of any width. If negative, u is its two's complement.
func integer(b []byte, p int) (u uint64, negative, ok bool) {
	c := b[p]
	var i int64
	switch {
	case c <= fixIntMax:
		return uint64(c), false, true
	case c >= fixIntMin:
		return uint64(int64(int8(c))), true, true
	}
	switch c {
	case codeUint8:
		return uint64(b[p+1]), false, true
	case codeUint16:
		return uint64(binary.BigEndian.Uint16(b[p+1:])), false, true
	case codeUint32:
		return uint64(binary.BigEndian.Uint32(b[p+1:])), false, true
	case codeUint64:
		return binary.BigEndian.Uint64(b[p+1:]), false, true
	case codeInt8:
		i = int64(int8(b[p+1]))
	case codeInt16:
		i = int64(int16(binary.BigEndian.Uint16(b[p+1:])))
	case codeInt32:
		i = int64(int32(binary.BigEndian.Uint32(b[p+1:])))
	case codeInt64:
		i = int64(binary.BigEndian.Uint64(b[p+1:]))
	default:
		return 0, false, false
	}
	return uint64(i), i < 0, true
}

// unsigned returns an integer of at least 0.
func unsigned(b []byte, p int) (uint64, error) {
	u, negative, ok := integer(b, p)
	switch {
	case !ok:
		return 0, ErrInteger
	case negative:
		return 0, ErrNegative
	}
	return u, nil
}

// text returns the contents of a string.
func text(b []byte, p int) ([]byte, error) {
	switch c := b[p]; {
	case c >= fixStr && c < codeNil:
		return contents(b, p+1, int(c-fixStr)), nil
	case c >= codeStr8 && c <= codeStr32:
		n, begin, _ := length(b, p)
		return contents(b, begin, int(n)), nil
	}
	return nil, ErrString
}

// bin returns the contents of a binary.
func bin(b []byte, p int) ([]byte, error) {
	if c := b[p]; c < codeBin8 || c > codeBin32 {
		return nil, ErrBinary
	}
	n, begin, _ := length(b, p)
	return contents(b, begin, int(n)), nil
}

// contents returns n bytes of b, without room to append, so that nobody overwrites what follows them.
func contents(b []byte, begin, n int) []byte { return b[begin : begin+n : begin+n] }

// array returns how many elements an array has and where the first begins.
func array(b []byte, p int) (n, first int, err error) {
	switch c := b[p]; {
	case c >= fixArray && c < fixStr:
		return int(c - fixArray), p + 1, nil
	case c == codeArray16 || c == codeArray32:
		n, first, _ := length(b, p)
		return int(n), first, nil
	}
	return 0, 0, ErrArray
}

// mapping returns how many entries a map has and where the first key begins.
func mapping(b []byte, p int) (n, first int, err error) {
	switch c := b[p]; {
	case c >= fixMap && c < fixArray:
		return int(c - fixMap), p + 1, nil
	case c == codeMap16 || c == codeMap32:
		n, first, _ := length(b, p)
		return int(n), first, nil
	}
	return 0, 0, ErrMap
}

// eachKey calls f for every entry of a map that the protocol reads, with its key and where its value begins, until f
// returns an error. Keys are strings; none may appear twice, whether or not anyone knows it.
func eachKey(b []byte, p int, f func(key []byte, value int) error) error {
	n, p, err := mapping(b, p)
	if err != nil {
		return err
	}
	if n > MaxKeys {
		return ErrKeys
	}
	var seen [MaxKeys][]byte
	for i := range n {
		key, err := text(b, p)
		if err != nil {
			return err
		}
		for _, other := range seen[:i] {
			if string(other) == string(key) {
				return ErrDuplicateKey
			}
		}
		seen[i] = key
		value := skip(b, p)
		if err := f(key, value); err != nil {
			return err
		}
		p = skip(b, value)
	}
	return nil
}
