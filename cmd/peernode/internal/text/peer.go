package text

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Every printed key begins with keyPrefix and has keyLength characters. The beginning of a key must have at least minPrefix
// characters after keyPrefix: 8 characters are 40 bits.
const (
	keyPrefix = "pnet1"
	keyLength = 63
	minPrefix = 8
)

// ErrAmbiguousPrefix: several trusted keys begin like this.
var ErrAmbiguousPrefix = errors.New("several trusted keys begin like this")

// IsNumber reports whether text is the number of a knock where one can be given: then it is no label.
func IsNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// PeerName returns the name of a trusted peer for people: its label, if it has one, and the beginning of its key, which ends
// in …. Every subcommand takes that beginning as the name of the peer.
func PeerName(key, label string) string {
	if len(key) == keyLength {
		key = key[:len(keyPrefix)+minPrefix] + "…"
	}
	return WholeName(key, label)
}

// WholeName is PeerName with the whole key. It is for keys that are not trusted, because trust add needs a whole key.
func WholeName(key, label string) string {
	if label == "" {
		return key
	}
	return OneLine(label) + " (" + key + ")"
}

// CheckPeer returns nil if text can name a peer: as a key, as the beginning of one, or as a label.
func CheckPeer(text string) error {
	_, begins := beginning(text)
	_, err := identity.ParsePublicKey(text)
	likeKey := !errors.Is(err, identity.ErrKeyText) || strings.HasPrefix(strings.ToLower(text), keyPrefix) // a label is not
	if err == nil || begins || !likeKey {
		return nil
	}
	return err
}

// FindPrefix returns the peer whose printed key begins with text. If text is not the beginning of a key, the error is
// otherwise.
func FindPrefix(peers []trust.Peer, text string, otherwise error) (trust.Peer, error) {
	begin, ok := beginning(text)
	if !ok {
		return trust.Peer{}, otherwise
	}
	others := func(p trust.Peer) bool { return !strings.HasPrefix(p.Key.String(), begin) }
	switch found := slices.DeleteFunc(slices.Clone(peers), others); len(found) {
	case 0:
		return trust.Peer{}, fmt.Errorf("%w: no trusted key begins with %s", trust.ErrNotFound, begin)
	case 1:
		return found[0], nil
	}
	return trust.Peer{}, fmt.Errorf("%s: %w", begin, ErrAmbiguousPrefix)
}

// beginning returns text in the form in which keys begin, and whether it is long enough for the beginning of a key and
// shorter than a key. The … of a shortened key may be at its end.
func beginning(text string) (begin string, ok bool) {
	begin = strings.ToLower(strings.TrimSuffix(text, "…"))
	ok = strings.HasPrefix(begin, keyPrefix) && len(begin) >= len(keyPrefix)+minPrefix && len(begin) < keyLength
	return begin, ok
}
