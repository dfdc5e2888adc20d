package trust

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// testKey returns the nth of many keys.
func testKey(n int) identity.PublicKey {
	return identity.PublicKey{2, byte(n), byte(n >> 8)}
}

// checkIs fails the test unless err is want. A want of nil is no error.
func checkIs(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// samePeers reports whether two lists hold the same peers in the same order.
func samePeers(a, b []Peer) bool {
	return slices.EqualFunc(a, b, Peer.equal)
}

func TestValuesOfAnOptionAreInOrder(t *testing.T) {
	peer := Peer{Options: []Option{{"addr", "b:1"}, {"note", "n"}, {"addr", "a:1"}, {"addr", "b:1"}}}
	if got := peer.Option("addr"); !slices.Equal(got, []string{"b:1", "a:1", "b:1"}) {
		t.Errorf("addr: %q", got)
	}
	if got := peer.Option("other"); got != nil {
		t.Errorf("other: %q", got)
	}
}

func TestPeersThatAreAccepted(t *testing.T) {
	options := func(pairs ...string) []Option {
		var all []Option
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, Option{pairs[i], pairs[i+1]})
		}
		return all
	}
	key := testKey(1)
	for name, v := range map[string]struct {
		peer Peer
		want error
	}{
		"a key alone":             {Peer{Key: key}, nil},
		"no key":                  {Peer{}, identity.ErrKeyLowOrder},
		"an alias of a key":       {Peer{Key: identity.PublicKey{0: 9, 31: 0x80}}, identity.ErrKeyRange},
		"64 bytes of label":       {Peer{Key: key, Label: strings.Repeat("é", 32)}, nil},
		"65 bytes of label":       {Peer{Key: key, Label: strings.Repeat("é", 32) + "e"}, ErrLabelTooLong},
		"a label of many kinds":   {Peer{Key: key, Label: `"a"=b \ # 東京 👩‍💻`}, nil},
		"two lines of old Macs":   {Peer{Key: key, Label: "bob\r" + strings.Repeat("k", 64)}, ErrCharacter},
		"a tab":                   {Peer{Key: key, Label: "a\tb"}, ErrCharacter},
		"a line end":              {Peer{Key: key, Label: "a\nb"}, ErrCharacter},
		"an escape sequence":      {Peer{Key: key, Label: "a\x1b[31mb"}, ErrCharacter},
		"a C1 control":            {Peer{Key: key, Label: "a\u0085b"}, ErrCharacter},
		"not UTF-8":               {Peer{Key: key, Label: "a\xffb"}, ErrCharacter},
		"a key as label":          {Peer{Key: key, Label: testKey(2).String()}, ErrLabelIsKey},
		"its own key as label":    {Peer{Key: key, Label: key.String()}, ErrLabelIsKey},
		"base32 as label":         {Peer{Key: key, Label: strings.Repeat("a", 50) + "ba"}, ErrLabelIsKey},
		"hexadecimal as label":    {Peer{Key: key, Label: strings.Repeat("0", 64)}, ErrLabelIsKey},
		"a mistyped key as label": {Peer{Key: key, Label: "pnet1" + strings.Repeat("q", 58)}, ErrLabelIsKey},
		"half a key as label":     {Peer{Key: key, Label: "Pnet1 laptop"}, ErrLabelIsKey},
		"a prefix without its 1":  {Peer{Key: key, Label: "pnet laptop"}, nil},
		"addresses":               {Peer{Key: key, Options: options("addr", "[fe80::1%eth0]:1", "addr", "pump.example:65535")}, nil},
		"no host":                 {Peer{Key: key, Options: options("addr", ":7100")}, ErrOptionValue},
		"no port":                 {Peer{Key: key, Options: options("addr", "192.0.2.7")}, ErrOptionValue},
		"port 0":                  {Peer{Key: key, Options: options("addr", "192.0.2.7:0")}, ErrOptionValue},
		"port 65536":              {Peer{Key: key, Options: options("addr", "192.0.2.7:65536")}, ErrOptionValue},
		"a named port":            {Peer{Key: key, Options: options("addr", "192.0.2.7:http")}, ErrOptionValue},
		"a dialect":               {Peer{Key: key, Options: options("dialect", "beam")}, nil},
		"no dialect":              {Peer{Key: key, Options: options("dialect", "")}, ErrOptionValue},
		"a dialect of two words":  {Peer{Key: key, Options: options("dialect", "native beam")}, ErrOptionValue},
		"two dialects":            {Peer{Key: key, Options: options("dialect", "beam", "dialect", "beam")}, ErrOptionValue},
		"an unknown option":       {Peer{Key: key, Options: options("x-9", `any "value" \ here`, "x-9", "")}, nil},
		"a control in a value":    {Peer{Key: key, Options: options("note", "a\x00b")}, ErrCharacter},
		"no name":                 {Peer{Key: key, Options: options("", "value")}, ErrOptionName},
		"a name in capitals":      {Peer{Key: key, Options: options("Note", "value")}, ErrOptionName},
		"a name that begins so":   {Peer{Key: key, Options: options("9-x", "value")}, ErrOptionName},
		"a name of other letters": {Peer{Key: key, Options: options("größe", "value")}, ErrOptionName},
	} {
		t.Run(name, func(t *testing.T) {
			checkIs(t, "check", v.peer.check(), v.want)
			checkIs(t, "Add", NewSet().Add(v.peer), v.want)
			if v.want != nil {
				return
			}
			back, err := parsePeer(v.peer.String())
			if err != nil || !back.equal(v.peer) {
				t.Errorf("%q is read as %+v, %v", v.peer.String(), back, err)
			}
		})
	}
}
