package text

import (
	"encoding/json"
	"testing"
)

func TestJSONIsSafeOnATerminal(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", `a "quoted" \ <b>&`, `"a \"quoted\" \\ <b>&"`},
		{"letters of all kinds", "é 日本 🙂", `"é 日本 🙂"`},
		{"escape", "\x1b[31m", `"\u001b[31m"`},
		{"delete", "\x7f", `"\u007f"`},
		{"control sequence introducer", "\u009b31m", `"\u009b31m"`},
		{"right-to-left override", "a\u202eb", `"a\u202eb"`},
		{"beyond the basic plane", "\U000e0041", `"\udb40\udc41"`},
		{"newline", "a\nb", `"a\nb"`},
	} {
		got, err := JSON(c.in)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s (%v), want %s", c.name, got, err, c.want)
			continue
		}
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != c.in {
			t.Errorf("%s: read back as %q (%v)", c.name, back, err)
		}
	}
}

func TestOneLineQuotesWhatIsNotPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":             "",
		"Bob's laptop": "Bob's laptop",
		"日本":           "日本",
		"two\nlines":   `"two\nlines"`,
		"\x1b[2J":      `"\x1b[2J"`,
		"a\u202eb":     `"a\u202eb"`,
		"\xff":         `"\xff"`,
	} {
		if got := OneLine(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestWordsForAShell(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "",
		"bob":              "bob",
		"pnet1s5s0qzvf…":   "pnet1s5s0qzvf…",
		"/home/bob/a-b_c.": "/home/bob/a-b_c.",
		"Bob's laptop":     `'Bob'\''s laptop'`,
		"$(rm)":            "'$(rm)'",
		"a\nb":             "'a\nb'",
	} {
		if got := ShellWord(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
