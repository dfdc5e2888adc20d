package trust

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A card is a key as people hand it on, in a QR code for instance, with what they want to be called and where they can be
// reached (docs/peernode.md):
//
//	card  = "peernet:" key [ "?" field { "&" field } ]
//	field = "label=" text | "addr=" text | name "=" text
//
// The scheme and the key are read in either case, and the text is percent-encoded (RFC 3986 §2.1); a "+" is a plus sign. Fields
// of other names are not read.
const cardScheme = "peernet:"

// Bounds of a card: what a QR code of a size that phones read can have, and what a line of the peers file takes.
const (
	cardLimit = 2048 // bytes
	cardAddrs = 8
)

// ErrCard is returned for a text that begins as a card does, and is none.
var ErrCard = errors.New("not a card: want peernet:KEY?label=…&addr=…")

// Card returns the key of a peer, its label and its addresses as a card, at most 2,048 bytes. The first 8 addresses that find
// room are on it. Other options are the business of this node alone, and are not.
func (p Peer) Card() string {
	var b strings.Builder
	b.WriteString(cardScheme + p.Key.String())
	begin := byte('?')
	add := func(name, value string) {
		field := name + "=" + escape(value)
		if b.Len()+1+len(field) <= cardLimit {
			b.WriteByte(begin)
			b.WriteString(field)
			begin = '&'
		}
	}
	if p.Label != "" {
		add("label", p.Label)
	}
	addrs := p.Option(OptionAddr)
	for _, a := range addrs[:min(len(addrs), cardAddrs)] {
		add(OptionAddr, a)
	}
	return b.String()
}

// ParseCard returns the peer that a card names, with its addresses as options; or that of a key alone, in any form that
// [identity.ParsePublicKey] reads. White space and invisible characters count nowhere, as when a card or a key was broken into
// lines. The label is what the peer would like to be called, and proves nothing.
//
// The error is an [ErrCard], or that of ParsePublicKey or of a bad label or address. A card has at most 2,048 bytes, one label
// and 8 addresses. ParseCard is safe for concurrent use.
func ParseCard(text string) (Peer, error) {
	if len(text) > 2*cardLimit { // with white space
		return Peer{}, fmt.Errorf("%w; it has more than %d bytes", ErrCard, cardLimit)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || isInvisible(r) {
			return -1
		}
		return r
	}, text)
	if len(text) < len(cardScheme) || !strings.EqualFold(text[:len(cardScheme)], cardScheme) {
		key, err := identity.ParsePublicKey(text)
		return Peer{Key: key}, err
	}
	if len(text) > cardLimit {
		return Peer{}, fmt.Errorf("%w; it has %d bytes, at most %d are allowed", ErrCard, len(text), cardLimit)
	}
	word, fields, hasFields := strings.Cut(text[len(cardScheme):], "?")
	key, err := identity.ParsePublicKey(word)
	if err != nil {
		return Peer{}, err
	}
	p := Peer{Key: key}
	if !hasFields {
		return p, nil
	}
	for field := range strings.SplitSeq(fields, "&") {
		if err := p.addField(field); err != nil {
			return Peer{}, err
		}
	}
	if err := p.check(); err != nil {
		return Peer{}, err
	}
	return p, nil
}

// addField adds one field of a card.
func (p *Peer) addField(field string) error {
	name, value, ok := strings.Cut(field, "=")
	value, err := url.PathUnescape(value)
	switch {
	case !ok || err != nil:
		return fmt.Errorf("%w; the field %.80q cannot be read", ErrCard, field)
	case name == "label" && p.Label != "":
		return fmt.Errorf("%w; it has two labels", ErrCard)
	case name == "label":
		p.Label = strings.TrimSpace(value)
	case name == OptionAddr && len(p.Options) == cardAddrs:
		return fmt.Errorf("%w; it has more than %d addresses", ErrCard, cardAddrs)
	case name == OptionAddr:
		p.Options = append(p.Options, Option{OptionAddr, value})
	}
	return nil
}

// escape percent-encodes all of a text but the characters that every part of a URI may have, and those that an address needs.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
