package etf

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// The functions below read terms that the guard has passed. p is where one begins.

// skip returns where the term ends. It recurses as deep as the term nests.
func skip(b []byte, p int) (end int) {
	switch b[p] {
	case tagSmallInteger:
		return p + 2
	case tagInteger:
		return p + 5
	case tagFloat:
		return p + 9
	case tagNil:
		return p + 1
	}
	n, end, _ := header(b, p)
	switch b[p] {
	case tagSmallTuple, tagLargeTuple:
		return skipMany(b, end, int(n))
	case tagList:
		return skipMany(b, end, int(n)+1)
	case tagMap:
		return skipMany(b, end, 2*int(n))
	case tagSmallBig, tagLargeBig:
		end++
	}
	return end + int(n)
}

// skipMany returns where the last of n terms ends.
func skipMany(b []byte, p, n int) (end int) {
	for range n {
		p = skip(b, p)
	}
	return p
}

// isAtom reports whether a term with that tag is an atom.
func isAtom(tag byte) bool {
	return tag == tagSmallAtomUTF8 || tag == tagAtomUTF8 || tag == tagAtom || tag == tagSmallAtom
}

// isUTF8 reports whether an atom with that tag has its name in UTF-8, and not in Latin-1.
func isUTF8(tag byte) bool { return tag == tagSmallAtomUTF8 || tag == tagAtomUTF8 }

// atomAt returns the name of an atom in UTF-8. It has no room to append, and is a part of b unless it must be converted.
func atomAt(b []byte, p int) []byte {
	name := contents(b, p)
	if isUTF8(b[p]) || isASCII(name) {
		return name
	}
	converted := make([]byte, 0, 2*len(name))
	for _, c := range name {
		converted = utf8.AppendRune(converted, rune(c))
	}
	return converted
}

// isASCII reports whether s is the same in Latin-1 and in UTF-8.
func isASCII(s []byte) bool {
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isAtomNamed reports whether the term is the atom called name, which is ASCII.
func isAtomNamed(b []byte, p int, name string) bool {
	return isAtom(b[p]) && string(contents(b, p)) == name
}

// contents returns what an atom, a binary or a list in the form of a string holds, without room to append.
func contents(b []byte, p int) []byte {
	n, begin, _ := header(b, p)
	end := begin + int(n)
	return b[begin:end:end]
}

// floatAt returns a float.
func floatAt(b []byte, p int) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b[p+1:])) }

// isTuple reports whether a term with that tag is a tuple.
func isTuple(tag byte) bool { return tag == tagSmallTuple || tag == tagLargeTuple }

// An integer is the value of an integer of any form.
type integer struct {
	negative bool
	small    uint64 // the magnitude, if large is nil
	large    []byte // the magnitude in little-endian order, if it has more than 8 bytes; the last is not 0
}

// isInteger reports whether a term with that tag is an integer.
func isInteger(tag byte) bool {
	return tag == tagSmallInteger || tag == tagInteger || tag == tagSmallBig || tag == tagLargeBig
}

// integerAt returns an integer. Its large is a part of b.
func integerAt(b []byte, p int) integer {
	switch b[p] {
	case tagSmallInteger:
		return integer{small: uint64(b[p+1])}
	case tagInteger:
		return smallInteger(int64(int32(binary.BigEndian.Uint32(b[p+1:]))))
	}
	n, sign, _ := header(b, p)
	digits := b[sign+1:][:n:n]
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	i := integer{negative: b[sign] != 0 && len(digits) > 0}
	if len(digits) > 8 {
		i.large = digits
		return i
	}
	for _, digit := range slices.Backward(digits) {
		i.small = i.small<<8 | uint64(digit)
	}
	return i
}

// smallInteger returns the integer v.
func smallInteger(v int64) integer {
	if v < 0 {
		return integer{negative: true, small: -uint64(v)}
	}
	return integer{small: uint64(v)}
}

// largeInteger returns the integer v, of any size.
func largeInteger(v *big.Int) integer {
	i := integer{negative: v.Sign() < 0}
	digits := v.Bytes()
	slices.Reverse(digits)
	if len(digits) > 8 {
		i.large = digits
		return i
	}
	for _, digit := range slices.Backward(digits) {
		i.small = i.small<<8 | uint64(digit)
	}
	return i
}

// int64 returns i if an int64 can hold it.
func (i integer) int64() (v int64, ok bool) {
	switch {
	case i.large != nil:
		return 0, false
	case i.negative:
		return -int64(i.small), i.small <= 1<<63
	}
	return int64(i.small), i.small <= math.MaxInt64
}

// uint64 returns i if a uint64 can hold it.
func (i integer) uint64() (v uint64, ok bool) { return i.small, i.large == nil && !i.negative }

// big returns i.
func (i integer) big() *big.Int {
	v := new(big.Int).SetUint64(i.small)
	if i.large != nil {
		digits := slices.Clone(i.large)
		slices.Reverse(digits)
		v.SetBytes(digits)
	}
	if i.negative {
		v.Neg(v)
	}
	return v
}
