package etf

import (
	"math"
	"unicode/utf8"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/internal/values"
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
	form := forms[tag]
	n, begin, ok := header(b, p)
	left := uint64(len(b) - begin)
	switch {
	case form.kind == values.Never:
		return 0, ErrTag
	case !ok, form.size > len(b)-p:
		return 0, envelope.ErrTruncated
	case form.kind == values.Float64:
		if f := floatAt(b, p); math.IsNaN(f) || math.IsInf(f, 0) {
			return 0, ErrFloat
		}
		fallthrough
	case form.size != 0:
		return p + form.size, nil
	case form.kind == values.LongList:
		switch n {
		case 0:
			return 0, ErrForm
		case math.MaxUint32: // there is a tail to count as well
			return 0, envelope.ErrCount
		}
		return w.terms(b, begin, n+1, form.kind, depth)
	case form.kind == values.Map && uint64(n) > left/2:
		return 0, envelope.ErrCount
	case form.kind == values.Map:
		return w.terms(b, begin, 2*n, form.kind, depth)
	case form.kind == values.Tuple:
		return w.terms(b, begin, n, form.kind, depth)
	case form.kind == values.Int && left == 0: // no room for its sign
		return 0, envelope.ErrTruncated
	case form.kind == values.Int:
		begin++
		left--
	}
	end = begin + int(n)
	switch {
	case uint64(n) > left:
		return 0, envelope.ErrLength
	case form.kind == values.Int && n > MaxInteger:
		return 0, ErrBig
	case form.kind == values.Atom && !isUTF8(tag) && n > maxAtom, isUTF8(tag) && !isAtomName(b[begin:end]):
		return 0, ErrAtom
	case form.kind == values.ByteList:
		return end, w.enter(depth, n, left)
	}
	return end, nil
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

// terms checks the n terms from b[p] on of one of that kind, which lies inside depth others, and returns where the last ends.
func (w *walker) terms(b []byte, p int, n uint32, kind values.Kind, depth int) (end int, err error) {
	isMap := kind == values.Map
	if err = w.enter(depth, n, uint64(len(b)-p)); err == nil && isMap && w.keys > maxKeys {
		err = envelope.ErrDepth
	}
	var (
		room [fewNames]int
		keys = room[:0] // where they begin; all maps of a frame together have at most maxElements/2
	)
	for i := uint32(0); i < n && err == nil; i++ {
		switch {
		case isMap && i%2 == 0:
			keys = append(keys, p)
			w.keys++
			p, err = w.term(b, p, depth+1)
			w.keys--
			continue
		case kind == values.LongList && i == n-1 && p < len(b) && (b[p] == tagString || b[p] == tagList): // as its tail
			return 0, ErrForm
		}
		p, err = w.term(b, p, depth+1)
	}
	if err == nil && isMap {
		err = checkKeys(b, keys)
	}
	return p, err
}

// isAtomName reports whether name, in UTF-8, is that of an atom.
func isAtomName(name []byte) bool {
	return len(name) <= maxAtomBytes && utf8.Valid(name) && utf8.RuneCount(name) <= maxAtom
}
