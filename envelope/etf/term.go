package etf

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
)

// The functions below read terms that the guard has passed. p is where one begins.

// A form is what the tag of a term says about it.
type form struct {
	kind  values.Kind
	size  int // of the whole term, if the tag tells it; otherwise 0
	width int // how many bytes of length or count follow
}

// forms holds the form of each tag. Those of terms that the dialect does not have are values.Never. Atoms may also be nil or a
// bool, and an integer may have more than 64 bits.
var forms = [256]form{
	tagSmallInteger:  {kind: values.Int, size: 2},
	tagInteger:       {kind: values.Int, size: 5},
	tagSmallBig:      {kind: values.Int, width: 1},
	tagLargeBig:      {kind: values.Int, width: 4},
	tagFloat:         {kind: values.Float64, size: 9},
	tagAtom:          {kind: values.Atom, width: 2},
	tagSmallAtom:     {kind: values.Atom, width: 1},
	tagAtomUTF8:      {kind: values.Atom, width: 2},
	tagSmallAtomUTF8: {kind: values.Atom, width: 1},
	tagBinary:        {kind: values.Text, width: 4},
	tagNil:           {kind: values.List, size: 1},
	tagString:        {kind: values.ByteList, width: 2},
	tagList:          {kind: values.LongList, width: 4},
	tagSmallTuple:    {kind: values.Tuple, width: 1},
	tagLargeTuple:    {kind: values.Tuple, width: 4},
	tagMap:           {kind: values.Map, width: 4},
}

// termNames holds the names of the kinds of terms for people.
var termNames = [...]string{values.Int: "integer", values.Atom: "atom", values.Tuple: "tuple", values.Float64: "float",
	values.Text: "binary", values.Map: "map", values.List: "list", values.ByteList: "list", values.LongList: "list"}

// header returns the length or count that stands after the tag at b[p], and where the contents begin: of a big integer its
// sign. ok is false if b ends before that.
func header(b []byte, p int) (n uint32, begin int, ok bool) {
	begin = p + 1 + forms[b[p]].width
	if begin > len(b) {
		return 0, 0, false
	}
	for _, digit := range b[p+1 : begin] {
		n = n<<8 | uint32(digit)
	}
	return n, begin, true
}

// skip returns where the term ends. It recurses as deep as the term nests.
func skip(b []byte, p int) (end int) {
	if size := forms[b[p]].size; size != 0 {
		return p + size
	}
	n, end, _ := header(b, p)
	switch forms[b[p]].kind {
	case values.Tuple:
		return skipMany(b, end, int(n))
	case values.LongList:
		return skipMany(b, end, int(n)+1)
	case values.Map:
		return skipMany(b, end, 2*int(n))
	case values.Int:
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
func isAtom(tag byte) bool { return forms[tag].kind == values.Atom }

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
func isTuple(tag byte) bool { return forms[tag].kind == values.Tuple }

// isInteger reports whether a term with that tag is an integer.
func isInteger(tag byte) bool { return forms[tag].kind == values.Int }
