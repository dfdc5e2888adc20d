package trust

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
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
		{Peer{Key: key, Label: "# 1"}, ` "# 1"`},
		{Peer{Key: key, Label: "Room #5"}, ` "Room #5"`},
		{Peer{Key: key, Label: "C#5"}, " C#5"},
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

// TestMistypedOptions: each is a bad line that says what to write. Labels that only resemble them are labels.
func TestMistypedOptions(t *testing.T) {
	key := testKey(1).String()
	for _, text := range []string{
		"bob addr = host:7100", "addr = host:7100", "addr= host:7100", "addr =host:7100", "bob addr=host:7100", "bob addr=host",
		"addr:host:7100", "addr: host:7100", "addr : host:7100", "addr host:7100", "bob addr host:7100", "--addr host:7100",
		"--addr=host:7100", "ADDR=host:7100", "Addr = host:7100", "bob ADDR=host:7100", "bob\taddr\t=\thost:7100",
		"address=host:7100", "bob address=host:7100", "address: host:7100", "addresses=host:7100", "addrs=host:7100",
		"adr=host:7100", "adress=host:7100", "addr==host:7100", "addr=", "= host:7100", "=", "bob = host:7100", "bob x= host:7100", "bob =host:7100",
		"192.0.2.7:7100", "bob 192.0.2.7:7100", "bob [::1]:7100", "bob.example:7100 Bob", "addr=192.0.2.7:7100 addr = 192.0.2.8:7100",
		"bob dialect = native", "dialect:native", "Dialect=native", "dialect= native", "addr=192.0.2.7", "addr=192.0.2.7 :7100",
	} {
		peer, err := parsePeer(key + " " + text)
		if err == nil || !strings.Contains(err.Error(), "=HOST:PORT") && !strings.Contains(err.Error(), "write dialect=WORD") ||
			!strings.Contains(err.Error(), "without spaces") {
			t.Errorf("%q is read as %+v, %v", text, peer, err)
		}
		quoted := Peer{Key: testKey(1), Label: text}
		if back, err := parsePeer(quoted.String()); quoted.check() == nil && (err != nil || !back.equal(quoted)) {
			t.Errorf("%q is written %q and read as %+v, %v", text, quoted, back, err)
		}
	}
	for _, label := range []string{
		"Bob's laptop", "Bob (home)", "Bob 10:30", "Adrian's room:12", "Bob: home", "Bob's address", "address book of Bob", "bob x=y", "a = b", "bob =", "addr",
		"addressee 2", "nas:7100", "bob@example.org", "192.0.2.7", "a.b", "v1.2", "addr", "Adresse: Berlin", "~/x", "a+b", "->",
	} {
		if peer, err := parsePeer(key + " " + label); err != nil || peer.Label != label || len(peer.Options) > 0 {
			t.Errorf("%q is read as %+v, %v", label, peer, err)
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

func TestCommentsAndInvisibleCharacters(t *testing.T) {
	key := testKey(1).String()
	for text, label := range map[string]string{
		" # note": "", "\t#note": "", " addr=192.0.2.1:7100 # note": "", ` addr="192.0.2.1:7100" # note`: "", ` "Bob" # note`: "Bob",
		` "Room #5"	# note`: "Room #5", " C#5": "C#5", " \u2764\ufe0f \U0001f469\u200d\U0001f4bb": "\u2764\ufe0f \U0001f469\u200d\U0001f4bb",
	} {
		peer, err := parseLine(key + text)
		if err != nil || peer.Label != label {
			t.Errorf("%q: %q, %v", text, peer.Label, err)
		}
	}
	for text, want := range map[string]error{
		" Bob # note": ErrComment, " Room #5": ErrComment, " Bob\t#": ErrComment, ` "Bob"# note`: ErrQuote,
		" Bob\u200b": ErrCharacter, " Al\u00a0Ice": ErrCharacter, " \ufeffBob": ErrCharacter, " Bob\u202e": ErrCharacter, " Bob\rEve": ErrCharacter,
		" addr=192.0.2.1\u200b:7100": ErrCharacter,
		"\u00a0Bob":                  identity.ErrKeyText, "\u200b": identity.ErrKeyText, "\r" + key: identity.ErrKeyText,
	} {
		_, err := parseLine(key + text)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
		if want != ErrComment && want != ErrQuote && !strings.Contains(err.Error(), "U+") {
			t.Errorf("%q: %v does not name the character", text, err)
		}
	}
	for _, data := range [][]byte{[]byte("\xff\xfep\x00"), []byte("\xfe\xff\x00p"), []byte("p\x00n\x00"), []byte("\x00p")} {
		if !isUTF16(data) {
			t.Errorf("%q is not taken for UTF-16", data)
		}
	}
	if isUTF16([]byte("\ufeffpnet1")) || isUTF16([]byte("p")) || isUTF16([]byte("# x")) {
		t.Error("UTF-8 is taken for UTF-16")
	}
}
