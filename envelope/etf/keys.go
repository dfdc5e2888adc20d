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
	var (
		forms []byte
		spans = make([]span, 0, len(keys))
	)
	for _, p := range keys {
		start := len(forms)
		forms, _ = appendShortest(forms, b, p, true)
		spans = append(spans, span{start, len(forms)})
	}
	slices.SortFunc(spans, func(x, y span) int { return bytes.Compare(forms[x.from:x.to], forms[y.from:y.to]) })
	for i := range spans[1:] {
		x, y := spans[i], spans[i+1]
		if bytes.Equal(forms[x.from:x.to], forms[y.from:y.to]) {
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

// A span is a part of a slice.
type span struct{ from, to int }

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
	var (
		entries = make([]entry, n)
		forms   []byte
		ends    = make([]int, 0, 2*n)
	)
	for range 2 * n {
		forms, p = appendShortest(forms, b, p, true)
		ends = append(ends, len(forms))
	}
	start := 0
	for i := range entries {
		entries[i] = entry{forms[start:ends[2*i]], forms[ends[2*i]:ends[2*i+1]]}
		start = ends[2*i+1]
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
