package etf

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// guard returns why b is not exactly one term that may be decoded; nil if it is (wire.md §13.2).
func guard(b []byte) error {
	w := walker{elements: 1}
	return w.rest(b, 0, 0)
}

// A walker finds the end of terms, checks them and counts what they hold.
type walker struct {
	// elements counts the terms seen so far and those declared by the tuples, lists and maps that hold them. The caller
	// of term has counted that term itself.
	elements int
	// keys is in how many keys of maps, one inside the other, the term lies.
	keys int
}

// rest checks b[p:], which must hold one term and nothing else. The term lies inside depth others.
func (w *walker) rest(b []byte, p, depth int) error {
	end, err := w.term(b, p, depth)
	if err == nil && end != len(b) {
		err = envelope.ErrTrailing
	}
	return err
}

// term checks the term at b[p], which lies inside depth others, and returns where it ends. Its recursion ends at maxDepth.
func (w *walker) term(b []byte, p, depth int) (end int, err error) {
	if p >= len(b) {
		return 0, envelope.ErrTruncated
	}
	tag := b[p]
	switch tag {
	case tagSmallInteger:
		return within(b, p+2)
	case tagInteger:
		return within(b, p+5)
	case tagFloat:
		return checkFloat(b, p)
	case tagNil:
		return p + 1, nil
	case tagAtom, tagSmallAtom, tagAtomUTF8, tagSmallAtomUTF8:
		return checkAtom(b, p)
	case tagSmallTuple, tagLargeTuple, tagString, tagList, tagBinary, tagSmallBig, tagLargeBig, tagMap:
	default:
		return 0, ErrTag
	}
	n, p, ok := header(b, p)
	if !ok {
		return 0, envelope.ErrTruncated
	}
	left := uint64(len(b) - p)
	switch tag {
	case tagBinary, tagString:
		if uint64(n) > left {
			return 0, envelope.ErrLength
		}
		end = p + int(n)
		if tag == tagString {
			return end, w.enter(depth, n, left)
		}
		return end, nil
	case tagSmallBig, tagLargeBig:
		switch {
		case left == 0:
			return 0, envelope.ErrTruncated
		case uint64(n) > left-1:
			return 0, envelope.ErrLength
		case n > MaxInteger:
			return 0, ErrBig
		}
		return p + 1 + int(n), nil
	case tagMap:
		return w.mapping(b, p, n, depth)
	case tagList:
		return w.list(b, p, n, depth)
	}
	if err := w.enter(depth, n, left); err != nil {
		return 0, err
	}
	return w.terms(b, p, n, depth)
}

// enter counts the n values that a term declares, each at least a byte of the left ones. The term lies inside depth others.
func (w *walker) enter(depth int, n uint32, left uint64) error {
	switch {
	case depth >= maxDepth:
		return envelope.ErrDepth
	case uint64(n) > left:
		return envelope.ErrCount
	case n > uint32(maxElements-w.elements):
		return envelope.ErrElements
	}
	w.elements += int(n)
	return nil
}

// terms checks n terms from b[p] on, inside a term that lies inside depth others, and returns where the last ends.
func (w *walker) terms(b []byte, p int, n uint32, depth int) (end int, err error) {
	for ; n > 0 && err == nil; n-- {
		p, err = w.term(b, p, depth+1)
	}
	return p, err
}

// list checks the n elements of a list and its tail, from b[p] on.
func (w *walker) list(b []byte, p int, n uint32, depth int) (end int, err error) {
	if n == 0 {
		return 0, ErrForm
	}
	if n == math.MaxUint32 { // there is a tail to count as well
		return 0, envelope.ErrCount
	}
	if err = w.enter(depth, n+1, uint64(len(b)-p)); err != nil {
		return 0, err
	}
	if p, err = w.terms(b, p, n, depth); err != nil {
		return 0, err
	}
	if p < len(b) && (b[p] == tagString || b[p] == tagList) {
		return 0, ErrForm
	}
	return w.term(b, p, depth+1)
}

// mapping checks the n entries of a map from b[p] on.
func (w *walker) mapping(b []byte, p int, n uint32, depth int) (end int, err error) {
	left := uint64(len(b) - p)
	if uint64(n) > left/2 {
		return 0, envelope.ErrCount
	}
	if err = w.enter(depth, 2*n, left); err != nil {
		return 0, err
	}
	if w.keys > maxKeys {
		return 0, envelope.ErrDepth
	}
	var room [fewNames]int
	keys := slices.Grow(room[:0], int(n)) // where they begin; all maps of a frame together have at most maxElements/2
	end = p
	for range n {
		keys = append(keys, end)
		w.keys++
		end, err = w.term(b, end, depth+1)
		w.keys--
		if err != nil {
			return 0, err
		}
		if end, err = w.term(b, end, depth+1); err != nil {
			return 0, err
		}
	}
	return end, checkKeys(b, keys)
}

// within returns end if b has at least that many bytes.
func within(b []byte, end int) (int, error) {
	if end > len(b) {
		return 0, envelope.ErrTruncated
	}
	return end, nil
}

// checkFloat returns where the float at b[p] ends.
func checkFloat(b []byte, p int) (end int, err error) {
	if end, err = within(b, p+9); err != nil {
		return 0, err
	}
	if f := floatAt(b, p); math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, ErrFloat
	}
	return end, nil
}

// checkAtom returns where the atom at b[p] ends.
func checkAtom(b []byte, p int) (end int, err error) {
	n, begin, ok := header(b, p)
	if !ok {
		return 0, envelope.ErrTruncated
	}
	if uint64(n) > uint64(len(b)-begin) {
		return 0, envelope.ErrLength
	}
	name := b[begin:][:n]
	switch {
	case !isUTF8(b[p]) && n > maxAtom,
		isUTF8(b[p]) && !isAtomName(name):
		return 0, ErrAtom
	}
	return begin + int(n), nil
}

// isAtomName reports whether name, in UTF-8, is that of an atom.
func isAtomName(name []byte) bool {
	return len(name) <= maxAtomBytes && utf8.Valid(name) && utf8.RuneCount(name) <= maxAtom
}

// header returns the length or count that stands after the tag at b[p], and where the contents begin: of a big integer its
// sign. ok is false if b ends before that.
func header(b []byte, p int) (n uint32, begin int, ok bool) {
	rest := b[p+1:]
	switch b[p] {
	case tagSmallAtom, tagSmallAtomUTF8, tagSmallTuple, tagSmallBig:
		if len(rest) < 1 {
			return 0, 0, false
		}
		return uint32(rest[0]), p + 2, true
	case tagAtom, tagAtomUTF8, tagString:
		if len(rest) < 2 {
			return 0, 0, false
		}
		return uint32(binary.BigEndian.Uint16(rest)), p + 3, true
	}
	if len(rest) < 4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(rest), p + 5, true
}
