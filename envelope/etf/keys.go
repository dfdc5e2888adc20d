package etf

import (
	"bytes"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// checkKeys returns ErrDuplicateKey if two keys of a map are the same term, perhaps in two forms. They begin at these places of
// b and have passed the guard.
//
// A few names are compared with each other, which allocates nothing. Other keys are compared in their shortest forms, in
// order. So the work grows with the bytes of the keys, their logarithm and how deep maps lie in a key, whatever keys a peer
// chooses: each byte of a key is compared for at most maxKeys+1 maps. Values are not looked at.
func checkKeys(b []byte, keys []int) error {
	if len(keys) < 2 {
		return nil
	}
	if twice, ok := hasNameTwice(b, keys); ok {
		if twice {
			return envelope.ErrDuplicateKey
		}
		return nil
	}
	shortest := make([][]byte, len(keys))
	for i, p := range keys {
		shortest[i], _ = appendShortest(nil, b, p, true)
	}
	slices.SortFunc(shortest, bytes.Compare)
	for i := range shortest[1:] {
		if bytes.Equal(shortest[i], shortest[i+1]) {
			return envelope.ErrDuplicateKey
		}
	}
	return nil
}

// fewNames is how many keys hasNameTwice compares.
const fewNames = 16

// hasNameTwice reports whether two of the keys are the same name. ok is false if it cannot tell: there are more than
// fewNames, or they are not all atoms or binaries whose bytes can be compared.
func hasNameTwice(b []byte, keys []int) (twice, ok bool) {
	if len(keys) > fewNames {
		return false, false
	}
	for i, p := range keys {
		isBinary := b[p] == tagBinary
		if !isBinary && !isUTF8(b[p]) && !(isAtom(b[p]) && isASCII(contents(b, p))) {
			return false, false
		}
		for _, other := range keys[:i] {
			twice = twice || isBinary == (b[other] == tagBinary) && bytes.Equal(contents(b, p), contents(b, other))
		}
	}
	return twice, true
}

// appendShortest appends the guarded term at b[p] in its shortest form, and returns where the term ends. If sorted, the
// entries of maps are in the order of their keys' bytes, so that equal terms have equal forms; otherwise maps keep their order.
func appendShortest(out, b []byte, p int, sorted bool) (_ []byte, end int) {
	tag := b[p]
	switch {
	case isInteger(tag):
		return appendInteger(out, b, format{}.Head(b, p)), skip(b, p)
	case isAtom(tag):
		return appendAtom(out, atomAt(b, p)), skip(b, p)
	case tag == tagString && b[p+1] == 0 && b[p+2] == 0:
		return append(out, tagNil), skip(b, p)
	case isTuple(tag):
		n, p, _ := header(b, p)
		return appendEach(appendTuple(out, int(n)), b, p, int(n), sorted)
	case tag == tagList:
		n, p, _ := header(b, p)
		start := len(out)
		out, p = appendEach(appendList(out, int(n)), b, p, int(n), sorted)
		if b[p] == tagNil {
			return finishList(out, start, int(n)), p + 1
		}
		return appendShortest(out, b, p, sorted)
	case tag == tagMap && !sorted:
		n, p, _ := header(b, p)
		return appendEach(appendMap(out, int(n)), b, p, 2*int(n), sorted)
	case tag == tagMap:
		return appendSorted(out, b, p)
	}
	end = skip(b, p)
	return append(out, b[p:end]...), end
}

// appendEach appends n terms from b[p] on.
func appendEach(out, b []byte, p, n int, sorted bool) (_ []byte, end int) {
	for range n {
		out, p = appendShortest(out, b, p, sorted)
	}
	return out, p
}

// appendSorted is appendShortest for a map whose entries are to be sorted.
func appendSorted(out, b []byte, p int) (_ []byte, end int) {
	n, p, _ := header(b, p)
	type entry struct{ key, value []byte }
	entries := make([]entry, n)
	for i := range entries {
		entries[i].key, p = appendShortest(nil, b, p, true)
		entries[i].value, p = appendShortest(nil, b, p, true)
	}
	slices.SortFunc(entries, func(x, y entry) int { return bytes.Compare(x.key, y.key) })
	out = appendMap(out, int(n))
	for _, e := range entries {
		out = append(append(out, e.key...), e.value...)
	}
	return out, p
}

// checkEntries is checkKeys for the n entries from b[p] on.
func checkEntries(b []byte, p, n int) error {
	keys := make([]int, 0, n)
	for range n {
		keys = append(keys, p)
		p = skipMany(b, p, 2)
	}
	return checkKeys(b, keys)
}
