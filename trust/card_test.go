package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

const cardKey = "pnet1s5s0qzvfxzn4gayt0hwtg0hhtgxm7wsdycup4a8t5j5ca25mfe4qwgsew4"

// cards have the exact text of a peer, whose addresses are the last words.
var cards = []struct {
	text, label string
	addrs       []string
}{
	{"peernet:" + cardKey, "", nil},
	{"peernet:" + cardKey + "?label=Bob%27s%20laptop", "Bob's laptop", nil},
	{"peernet:" + cardKey + "?label=a%2Bb%26c%3Dd&addr=bob.example:7100&addr=%5Bfe80::1%25eth0%5D:7100", "a+b&c=d", []string{"bob.example:7100", "[fe80::1%eth0]:7100"}},
	{"peernet:" + cardKey + "?label=%C3%96zg%C3%BCr", "Özgür", nil},
}

func cardPeer(tb testing.TB, label string, addrs []string) Peer {
	tb.Helper()
	key, err := identity.ParsePublicKey(cardKey)
	if err != nil {
		tb.Fatal(err)
	}
	p := Peer{Key: key, Label: label}
	for _, a := range addrs {
		p.Options = append(p.Options, Option{OptionAddr, a})
	}
	return p
}

func TestCardsAreExact(t *testing.T) {
	for _, c := range cards {
		want := cardPeer(t, c.label, c.addrs)
		if got := want.Card(); got != c.text {
			t.Errorf("%q, want %q", got, c.text)
		}
		if got, err := ParseCard(c.text); err != nil || !got.equal(want) {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

// TestCardsAreForgiven what happens to them in mails and on paper.
func TestCardsAreForgiven(t *testing.T) {
	want := cardPeer(t, "Bob's laptop", []string{"bob.example:7100"})
	for _, text := range []string{
		"peernet:" + cardKey + "?label=Bob's%20laptop&addr=bob.example%3A7100",
		"PEERNET:" + strings.ToUpper(cardKey) + "?addr=bob.example:7100&label=Bob's%20laptop&x-colour=red&=",
		" peernet:" + cardKey[:20] + "\r\n  " + cardKey[20:] + "?label=Bob's%20lap\n\ttop&addr=\u200bbob.example:\u00a07100\n",
	} {
		if got, err := ParseCard(text); err != nil || !got.equal(want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{cardKey, cardKey[:9] + " " + cardKey[9:30] + "\n" + cardKey[30:], strings.ToUpper(cardKey) + "\r\n"} {
		if got, err := ParseCard(text); err != nil || !got.equal(cardPeer(t, "", nil)) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestBadCardsAreRefused(t *testing.T) {
	card := "peernet:" + cardKey
	for name, c := range map[string]struct {
		text string
		is   error
	}{
		"no key":            {"peernet:", identity.ErrKeyText},
		"another scheme":    {"peernode:" + cardKey, identity.ErrKeyText},
		"mistyped key":      {"peernet:" + cardKey[:62] + "5", identity.ErrKeyChecksum},
		"two slashes":       {"peernet://" + cardKey, identity.ErrKeyText},
		"a path":            {card + "/?label=x", identity.ErrKeyText},
		"half an escape":    {card + "?label=x%2", ErrCard},
		"no value":          {card + "?label", ErrCard},
		"an empty field":    {card + "?", ErrCard},
		"two labels":        {card + "?label=a&label=b", ErrCard},
		"label of bytes":    {card + "?label=%ff", ErrCharacter},
		"label of controls": {card + "?label=a%1bb", ErrCharacter},
		"label too long":    {card + "?label=" + strings.Repeat("x", labelLimit+1), ErrLabelTooLong},
		"label is a key":    {card + "?label=" + cardKey, ErrLabelIsKey},
		"bad address":       {card + "?addr=bob.example", ErrOptionValue},
		"nine addresses":    {card + "?addr=a:1" + strings.Repeat("&addr=a:1", cardAddrs), ErrCard},
		"too long":          {card + "?x=" + strings.Repeat("x", cardLimit), ErrCard},
		"far too long":      {strings.Repeat(" ", 2*cardLimit+1), ErrCard},
	} {
		if p, err := ParseCard(c.text); !errors.Is(err, c.is) || !p.equal(Peer{}) {
			t.Errorf("%s: %+v, %v, want %v", name, p, err, c.is)
		}
	}
}

func TestEveryTruncationOfACardIsShorterOrFails(t *testing.T) {
	text := cards[2].text
	for n := range len(text) {
		p, err := ParseCard(text[:n])
		if whole, _ := ParseCard(text); err == nil && p.equal(whole) {
			t.Errorf("%q is the same card", text[:n])
		}
	}
}

func TestCardsHaveRoomForWhatFits(t *testing.T) {
	var addrs []string
	for i := range 20 {
		addrs = append(addrs, fmt.Sprintf("%s.example:%d", strings.Repeat("x", 200), 1000+i))
	}
	p := cardPeer(t, "bob", addrs)
	p.Options = append(p.Options, Option{OptionDialect, "beam"})
	card := p.Card()
	got, err := ParseCard(card)
	if err != nil || len(card) > cardLimit || !slices.Equal(got.Option(OptionAddr), addrs[:8]) || len(got.Options) != 8 {
		t.Errorf("%d bytes, %v, %v", len(card), err, got.Options)
	}
}

// FuzzParseCard: what is read is written as a card that says the same.
func FuzzParseCard(f *testing.F) {
	for _, c := range cards {
		f.Add(c.text)
	}
	f.Add(cardKey)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseCard(text)
		if err != nil {
			if !p.equal(Peer{}) {
				t.Errorf("%+v beside an error", p)
			}
			return
		}
		card := p.Card()
		if again, err := ParseCard(card); len(card) <= cardLimit && (err != nil || again.Key != p.Key || again.Label != p.Label ||
			len(again.Options) < len(p.Options) && len(card) < cardLimit/2 || len(again.Options) == len(p.Options) && !again.equal(p)) {
			t.Errorf("%q: %+v, %v, want %+v", card, again, err, p)
		}
	})
}
