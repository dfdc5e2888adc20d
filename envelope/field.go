package envelope

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// Reasons to refuse a field of an envelope or of a protocol message: it does not have the type, or one of the values,
// that wire.md §6 demands.
var (
	// ErrInteger reports a value that is not an integer where one must be. A float is refused, even if its value is whole.
	ErrInteger = values.ErrInteger
	// ErrNegative reports an integer below 0 where only 0 and more are allowed.
	ErrNegative = errors.New("envelope: a negative integer")
	// ErrString reports a value that is not a string where one must be. A binary is refused.
	ErrString = values.ErrString
	// ErrBinary reports a value that is not a binary where one must be. A string is refused.
	ErrBinary = values.ErrBinary
	// ErrArray reports a value that is not an array where one must be.
	ErrArray = values.ErrArray
	// ErrMap reports a value that is not a map where one must be. Nil is refused.
	ErrMap = values.ErrMap
	// ErrArity reports an array with the wrong number of elements.
	ErrArity = errors.New("envelope: an array of the wrong length")
	// ErrKeys reports a map of the protocol with more than MaxKeys entries.
	ErrKeys = errors.New("envelope: more than 32 keys")
	// ErrDuplicateKey reports a map of the protocol, or an object of FromJSON, that has a key twice.
	ErrDuplicateKey = values.ErrDuplicateKey
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
	switch {
	case c <= fixIntMax:
		return uint64(c), false, true
	case c >= fixIntMin:
		return uint64(int64(int8(c))), true, true
	case c < codeUint8 || c > codeInt64:
		return 0, false, false
	}
	width := c & 3 // 1<<width bytes
	for _, digit := range b[p+1:][:1<<width] {
		u = u<<8 | uint64(digit)
	}
	if c <= codeUint64 {
		return u, false, true
	}
	unused := 64 - 8<<width
	i := int64(u<<unused) >> unused // with the sign of its own width
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

// wrongKind holds the reason to refuse a value that is not of a kind.
var wrongKind = [...]error{values.Map: ErrMap, values.List: ErrArray, values.String: ErrString, values.Binary: ErrBinary}

// contentsOf returns the contents of a string or a binary, whichever k is.
func contentsOf(b []byte, p int, k values.Kind) ([]byte, error) {
	if forms[b[p]].kind != k {
		return nil, wrongKind[k]
	}
	return contents(b, p), nil
}

// contents returns the contents of a string, binary or timestamp, without room to append: an append must not overwrite
// the bytes that follow.
func contents(b []byte, p int) []byte {
	n, begin, _ := length(b, p)
	end := begin + int(n)
	return b[begin:end:end]
}

// headerOf returns how many elements an array has, or how many entries a map, and where the first begins. k says which of
// the two the value must be.
func headerOf(b []byte, p int, k values.Kind) (n, first int, err error) {
	if forms[b[p]].kind != k {
		return 0, 0, wrongKind[k]
	}
	count, first, _ := length(b, p)
	return int(count), first, nil
}

// eachKey calls f for every entry of a map that the protocol reads, with its key, b and where the value begins, until f
// returns an error. Keys are strings; none may appear twice, not even an unknown one.
func eachKey(b []byte, p int, f func(key, b []byte, value int) error) error {
	n, p, err := headerOf(b, p, values.Map)
	if err != nil {
		return err
	}
	if n > MaxKeys {
		return ErrKeys
	}
	var seen [MaxKeys][]byte
	for i := range n {
		key, err := contentsOf(b, p, values.String)
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
		if err := f(key, b, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		p = skip(b, value)
	}
	return nil
}
