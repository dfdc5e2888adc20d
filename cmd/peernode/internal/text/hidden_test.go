package text

import "testing"

func TestWhatShowsNothingIsRemovedOrNamed(t *testing.T) {
	for _, c := range []struct{ text, tidy, peer string }{ // "": an error
		{"bob", "bob", "bob"},
		{"\u200bbob\r\n", "bob", "bob"},
		{"\ufeffbob\u00a0", "bob", "bob"},
		{" bob ", " bob ", " bob "},
		{"bob smith", "bob smith", "bob smith"},
		{"bob\u00a0smith", "", ""},
		{"bob\u200bsmith", "", ""},
		{"bob\tsmith", "", ""},
		{"bob\u00adsmith", "", ""},
		{"می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
		{bobKey[:30] + "\r\n" + bobKey[30:] + "\r", "", bobKey},
		{bobKey[:30] + "\u200b" + bobKey[30:], "", bobKey},
		{" " + bobKey + "\u00a0", " " + bobKey, bobKey},
		{bobKey[:9] + "\u2060" + bobKey[9:13] + "…", "", bobKey[:13] + "…"},
	} {
		if got, err := Tidy(c.text); got != c.tidy || (err != nil) != (c.tidy == "") {
			t.Errorf("%q: got %q, %v", c.text, got, err)
		}
		if got, err := TidyPeer(c.text); got != c.peer || (err != nil) != (c.peer == "") {
			t.Errorf("%q as a peer: got %q, %v", c.text, got, err)
		}
	}
}
