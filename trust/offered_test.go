package trust

import "testing"

func TestAnOfferedLabelDoesNotPassForAnother(t *testing.T) {
	for offered, want := range map[string]string{
		"alice":                    "alice 2",
		"Zoe\u0308":                "Zoe\u0308 2", // two characters for one
		"\u017fam":                 "\u017fam 2",  // a long s
		"\uff21lice":               "\uff21lice 2",
		"\u0410lice":               "\u0410lice", // Cyrillic: SECURITY.md
		"Alice\u200d":              "",
		"Al\u200cice":              "",
		"Alice\ufe0f":              "",
		"Al\u034fice":              "",
		"Alice\u3164":              "",
		"\u3164":                   "",
		"\u2800":                   "",
		"\u0301":                   "", // a mark on nothing
		"2":                        "",
		"1 2":                      "",
		"--yes":                    "",
		"Bob's phone 2":            "Bob's phone 2",
		"\u674e\u5c0f":             "\u674e\u5c0f",
		"\u092e\u0940\u0930\u093e": "\u092e\u0940\u0930\u093e", // with marks
	} {
		s := NewSet()
		for i, label := range []string{"Alice", "Zo\u00eb", "Sam"} {
			if err := s.Add(Peer{Key: testKey(1 + i), Label: label}); err != nil {
				t.Fatal(err)
			}
		}
		if added := mustAddProvisional(t, s, Peer{Key: testKey(100)}, offered); added.Label != want {
			t.Errorf("%+q is called %+q, want %+q", offered, added.Label, want)
		}
	}
}
