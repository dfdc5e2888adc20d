package pairing

import (
	"slices"
	"strings"
	"testing"
)

// soundOf returns the code of Soundex for a word, but for two changes that make more words alike: the first letter has the
// digit of its kind as well, so that "cite" and "site" and "quay" and "key" are alike, and H and W at the beginning count
// as a vowel there. Letters of one kind that follow each other, or have only H or W between them, are one.
func soundOf(word string) string {
	kinds := map[byte]string{'1': "bfpv", '2': "cgjkqsxz", '3': "dt", '4': "l", '5': "mn", '6': "r"}
	var code []byte
	last := byte(0)
	for i, char := range word {
		kind := byte(0)
		for k, letters := range kinds {
			if strings.ContainsRune(letters, char) {
				kind = k
			}
		}
		switch {
		case kind != 0 && kind != last:
			code = append(code, kind)
			last = kind
		case kind == 0 && i == 0:
			code = append(code, '0')
		case kind == 0 && char != 'h' && char != 'w':
			last = 0
		}
	}
	return string(append(code, "0000"...)[:4])
}

func TestTheCodeOfSoundsFindsHomophones(t *testing.T) {
	for _, pair := range [][2]string{{"cite", "site"}, {"key", "quay"}, {"pair", "pear"}, {"brake", "break"}, {"fir", "fur"}, {"sale", "sail"}} {
		if soundOf(pair[0]) != soundOf(pair[1]) {
			t.Errorf("%s and %s: %s, %s", pair[0], pair[1], soundOf(pair[0]), soundOf(pair[1]))
		}
	}
	if soundOf("otter") == soundOf("velvet") {
		t.Error("all words are alike")
	}
}

func TestNoTwoWordsSoundAlike(t *testing.T) {
	seen := make(map[string]string)
	for _, word := range words {
		if other := seen[soundOf(word)]; other != "" {
			t.Errorf("%s and %s sound alike", word, other)
		}
		seen[soundOf(word)] = word
	}
}

// distance returns how many letters must be inserted, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before := row[0]
		row[0] = i + 1
		for j := range b {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func TestNoTwoWordsAreWithinTwoLetters(t *testing.T) {
	if d := distance("kitten", "sitting"); d != 3 {
		t.Fatalf("kitten, sitting: %d", d)
	}
	for i, a := range words {
		for _, b := range words[:i] {
			if d := distance(a, b); d <= 2 {
				t.Errorf("%s and %s: %d", a, b, d)
			}
		}
	}
}

func TestWordsAreShortPlainAndSorted(t *testing.T) {
	if n := len(strings.Fields(wordList)); n != len(words) {
		t.Errorf("%d words", n)
	}
	if !slices.IsSorted(words[:]) || len(wordNumbers) != len(words) {
		t.Error("not in order, or twice")
	}
	for _, word := range words {
		if len(word) < 4 || len(word) > 8 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q", word)
		}
	}
}

func TestNoTwoPairsOfWordsHaveTheSameLetters(t *testing.T) {
	seen := make(map[string][2]string, len(words)*len(words))
	for _, a := range words {
		for _, b := range words {
			if other, found := seen[a+b]; found {
				t.Errorf("%s-%s and %s", a, b, other)
			}
			seen[a+b] = [2]string{a, b}
		}
	}
}

func TestNearestIsTheWordWithOneLetterWrong(t *testing.T) {
	for text, want := range map[string]string{"oter": "otter", "ottter": "otter", "otler": "otter", "tter": "otter", "otte": "otter", "otters": "otter",
		"otter": "otter", "oer": "", "": "", "xyz": "", "ottterr": ""} {
		if got := nearest(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, a := range words {
		for _, b := range []string{"x" + a, a[1:], a[:len(a)-1] + "x", a[:2] + "x" + a[2:]} {
			if got := nearest(b); got != a || distance(a, b) > 1 {
				t.Errorf("%q: %q", b, got)
			}
		}
	}
}
