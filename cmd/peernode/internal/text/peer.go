package text

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Every printed key begins with keyPrefix and has keyLength characters. A key that is not given
// whole needs at least minPrefix characters more than keyPrefix: 8 characters are 40 bits.
const (
	keyPrefix = "pnet1"
	keyLength = 63
	minPrefix = 8
)

// ErrAmbiguousPrefix: several trusted keys begin like this.
var ErrAmbiguousPrefix = errors.New("several trusted keys begin like this")

// PeerName returns how people know the trusted peer with this printed key: by its label, if it has one, and by the
// beginning of the key, which ends in … and names the peer in every subcommand.
func PeerName(key, label string) string {
	if len(key) == keyLength {
		key = key[:len(keyPrefix)+minPrefix] + "…"
	}
	return WholeName(key, label)
}

// WholeName is PeerName with the whole key: for a key that is not trusted, or not any more, since only a whole key can be
// trusted.
func WholeName(key, label string) string {
	if label == "" {
		return key
	}
	return OneLine(label) + " (" + key + ")"
}

// CheckPeer returns nil if text can name a peer: it is a key, or could be the beginning of one, or a label.
func CheckPeer(text string) error {
	_, begins := beginning(text)
	_, err := identity.ParsePublicKey(text)
	likeKey := !errors.Is(err, identity.ErrKeyText) || strings.HasPrefix(strings.ToLower(text), keyPrefix) // no label is
	if err == nil || begins || !likeKey {
		return nil
	}
	return err
}

// FindPrefix returns the peer whose printed key begins with text. The error is otherwise if text is not the beginning of a
// key.
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

// beginning returns the text that a key begins with, and whether text is that: more than a few characters, and not a
// whole key. The … that shortened keys are shown with may be there still.
func beginning(text string) (begin string, ok bool) {
	begin = strings.ToLower(strings.TrimSuffix(text, "…"))
	ok = strings.HasPrefix(begin, keyPrefix) && len(begin) >= len(keyPrefix)+minPrefix && len(begin) < keyLength
	return begin, ok
}
