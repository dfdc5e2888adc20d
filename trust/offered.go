package trust

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// brailleBlank is a sign of Braille without a dot: a symbol that shows nothing.
const brailleBlank = '\u2800'

// freeLabel returns the label that a peer which offers one gets: "" if it cannot have one.
func (d *document) freeLabel(offered string) string {
	if !canOffer(offered) {
		return ""
	}
	taken := make(map[string]bool, len(d.peers))
	for _, p := range d.peers {
		taken[foldLabel(p.Label)] = true
	}
	label := offered
	for n := 2; taken[foldLabel(label)]; n++ {
		label = fmt.Sprint(offered, " ", n)
	}
	if len(label) > labelLimit {
		return ""
	}
	return label
}

// canOffer reports whether a peer may give itself a label: one that shows something, hides nothing, and cannot be taken for the
// number of a knock or for a flag. The owner of a node may choose others.
func canOffer(label string) bool {
	return checkLabel(label) == nil && !strings.HasPrefix(label, "-") && !strings.ContainsFunc(label, isHidden) &&
		strings.ContainsFunc(label, isVisible) && strings.ContainsFunc(label, func(c rune) bool { return !unicode.IsDigit(c) && c != ' ' })
}

// isHidden reports whether char may show nothing, or change what others show: Default_Ignorable_Code_Point of Unicode, and a blank.
func isHidden(char rune) bool {
	return char == brailleBlank || unicode.In(char, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf)
}

// isVisible reports whether char shows something by itself: a mark does not.
func isVisible(char rune) bool {
	return unicode.In(char, unicode.L, unicode.N, unicode.P, unicode.S)
}

// foldLabel returns what two labels have in common that differ in case alone, or in how Unicode writes the same text (NFKC).
// Letters of other scripts that look alike, such as a Cyrillic A, differ.
func foldLabel(label string) string {
	// In this order: the long s is a small letter, and its capital is S.
	return norm.NFKC.String(strings.ToLower(strings.ToUpper(norm.NFKC.String(label))))
}
