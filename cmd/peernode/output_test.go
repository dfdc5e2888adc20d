package main

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/trust"
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
		got, err := marshal(c.in)
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
		if got := oneLine(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// A closed is a stream that takes nothing.
type closed struct{}

var errClosed = errors.New("closed")

func (closed) Write([]byte) (int, error) { return 0, errClosed }

func TestResultThatCannotBeWrittenIsAFailure(t *testing.T) {
	if got := run([]string{"--version"}, nil, closed{}, closed{}); got != exitFailed {
		t.Errorf("got exit code %d", got)
	}
}

func TestPeerIsFoundByTheBeginningOfItsKey(t *testing.T) {
	bob, carol := trust.Peer{Key: testKey(t, bobKey)}, trust.Peer{Key: testKey(t, carolKey)}
	twin := bob
	twin.Key[31] ^= 1 // differs near the end of the text
	for _, c := range []struct {
		name, text string
		peers      []trust.Peer
		want       string
		err        error
	}{
		{"8 characters", bobKey[:13], []trust.Peer{carol, bob}, bobKey, nil},
		{"as it is shown", bob.Key.Short(), []trust.Peer{carol, bob}, bobKey, nil},
		{"in capitals", "PNET1S5S0QZVF", []trust.Peer{carol, bob}, bobKey, nil},
		{"all but the last", bobKey[:62], []trust.Peer{carol, bob}, bobKey, nil},
		{"the whole", bobKey, []trust.Peer{carol, bob}, "", nil},
		{"7 characters", bobKey[:12], []trust.Peer{carol, bob}, "", nil},
		{"without pnet1", bobKey[5:20], []trust.Peer{carol, bob}, "", nil},
		{"of nobody", bobKey[:13], []trust.Peer{carol}, "", nil},
		{"longer than a key", bobKey + "q", []trust.Peer{bob}, "", nil},
		{"of two", bobKey[:13], []trust.Peer{bob, carol, twin}, "", errAmbiguousPrefix},
		{"nothing", "", []trust.Peer{bob}, "", nil},
	} {
		p, found, err := trust.Peer{}, false, error(nil)
		if begin, ok := beginning(c.text); ok {
			p, found, err = byPrefix(c.peers, begin)
		}
		if found != (c.want != "") || found && p.Key.String() != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %v, %v (%v), want %q (%v)", c.name, p.Key, found, err, c.want, c.err)
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
		if got := shellWord(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
