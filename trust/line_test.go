package trust

import (
	"strings"
	"testing"
)

func TestLinesAreWrittenInOneWay(t *testing.T) {
	key := testKey(1)
	for _, v := range []struct {
		peer Peer
		want string // after the key
	}{
		{Peer{Key: key}, ""},
		{Peer{Key: key, Label: "Ada's laptop"}, " Ada's laptop"},
		{Peer{Key: key, Label: "one two=three"}, " one two=three"},
		{Peer{Key: key, Label: "one=two three"}, ` "one=two three"`},
		{Peer{Key: key, Label: "="}, ` "="`},
		{Peer{Key: key, Label: `"Ada"`}, ` "\"Ada\""`},
		{Peer{Key: key, Label: `Ada "the" \`}, ` Ada "the" \`},
		{Peer{Key: key, Label: "# 1"}, " # 1"},
		{Peer{Key: key, Options: []Option{{"note", ""}}}, " note="},
		{Peer{Key: key, Options: []Option{{"note", `C:\a`}}}, ` note=C:\a`},
		{Peer{Key: key, Options: []Option{{"note", "a b"}}}, ` note="a b"`},
		{Peer{Key: key, Options: []Option{{"note", `"\`}}}, ` note="\"\\"`},
		{Peer{Key: key, Options: []Option{{"note", "a=b"}, {"x", "\u00a0"}}, Label: "l"}, " note=a=b x=\u00a0 l"},
		{Peer{Key: key, Options: []Option{{"x", "\u00a0"}}}, " x=\u00a0"},
	} {
		got := v.peer.String()
		if want := key.String() + v.want; got != want {
			t.Errorf("%+v is written\n%q, want\n%q", v.peer, got, want)
		}
		if back, err := parsePeer(got); err != nil || !back.equal(v.peer) {
			t.Errorf("%q is read as %+v, %v", got, back, err)
		}
	}
}

func TestBlanksBetweenFieldsDoNotCount(t *testing.T) {
	key := testKey(1)
	want := Peer{Key: key, Options: []Option{{"note", "a b"}, {"x", "y"}}, Label: "two  words"}
	for _, text := range []string{
		key.String() + ` note="a b" x=y two  words`,
		" \t" + key.String() + "\t\tnote=\"a b\" \t x=y\ttwo  words \t",
		key.String() + ` note="a b" x="y" "two  words" `,
		key.String() + ` note="a b" x=y " two  words "`,
	} {
		if got, err := parsePeer(text); err != nil || !got.equal(want) {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
}

func TestATruncatedLineNamesNoOtherKey(t *testing.T) {
	key := testKey(1)
	line := key.String() + ` addr=192.0.2.7:7100 note="a \"b\"" Ada's laptop`
	for n := range len(line) {
		peer, err := parsePeer(line[:n])
		if n < len(key.String()) && (err == nil || !peer.Key.IsZero()) {
			t.Errorf("%q is read as %+v, %v", line[:n], peer, err)
		}
		if n >= len(key.String()) && peer.Key != key {
			t.Errorf("%q is read as %+v, %v", line[:n], peer, err)
		}
	}
}

func FuzzPeerLine(f *testing.F) {
	f.Add("addr", "192.0.2.7:7100", "Ada's laptop")
	f.Add("dialect", "beam", `"quoted" label`)
	f.Add("note", `a "b" \ c`, "x=y z")
	f.Add("x-1", "", "# 1")
	f.Add("", "\u00a0", "pnet1")
	f.Fuzz(func(t *testing.T, name, value, label string) {
		peer := Peer{Key: testKey(1), Label: strings.TrimSpace(label), Options: []Option{{name, value}, {"last", value}}}
		if peer.check() != nil {
			return
		}
		line := peer.String()
		if back, err := parsePeer(line); err != nil || !back.equal(peer) {
			t.Errorf("%+v is written %q, which is read as %+v, %v", peer, line, back, err)
		}
		if strings.ContainsAny(line, "\r\n") {
			t.Errorf("%+v is written as two lines: %q", peer, line)
		}
	})
}
