package etf

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
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

// kinds holds the kind of term of each tag, if its dialect has it. Atoms may also be nil or a bool, and an integer may have
// more than 64 bits.
var kinds = [256]values.Kind{
	tagSmallInteger: values.Int, tagInteger: values.Int, tagSmallBig: values.Int, tagLargeBig: values.Int,
	tagAtom: values.Atom, tagSmallAtom: values.Atom, tagAtomUTF8: values.Atom, tagSmallAtomUTF8: values.Atom,
	tagSmallTuple: values.Tuple, tagLargeTuple: values.Tuple, tagNil: values.List, tagString: values.Bytes,
	tagList: values.LongList, tagMap: values.Map, tagBinary: values.Text, tagFloat: values.Float64,
}

// termNames holds the names of the kinds of terms for people.
var termNames = [...]string{values.Int: "integer", values.Atom: "atom", values.Tuple: "tuple", values.Float64: "float",
	values.Text: "binary", values.Map: "map", values.List: "list", values.Bytes: "list", values.LongList: "list"}

// isAtom reports whether a term with that tag is an atom.
func isAtom(tag byte) bool { return kinds[tag] == values.Atom }

// isUTF8 reports whether an atom with that tag has its name in UTF-8, and not in Latin-1.
func isUTF8(tag byte) bool { return tag == tagSmallAtomUTF8 || tag == tagAtomUTF8 }

// atomAt returns the name of an atom in UTF-8. It has no room to append, and is a part of b unless it must be converted.
func atomAt(b []byte, p int) []byte {
	return format{}.Head(b, p).Name(b)
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
func isTuple(tag byte) bool { return kinds[tag] == values.Tuple }

// isInteger reports whether a term with that tag is an integer.
func isInteger(tag byte) bool { return kinds[tag] == values.Int }
