// Package identity says who a peer is: an X25519 key, its form as text, and the file that keeps a node's own. It holds
// the rules for keys of wire.md §1.
//
// A [PublicKey] names a peer everywhere: in trust, in discovery, in a handshake. It comes from the wire through
// [NewPublicKey] and from people through [ParsePublicKey]. Both accept only keys that have one encoding. A [KeyPair] is
// a node's own identity: [LoadOrCreate] keeps it in a file, [GenerateKeyPair] makes one that lives as long as the
// process. Only that file holds the private half outside of the process.
//
// Values of both types are immutable, may be copied, and are safe for concurrent use.
package identity

import (
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/decred/dcrd/bech32"
)

// PublicKeySize is the length of a public key in bytes.
const PublicKeySize = 32

// Lengths of a key as text, in characters.
const (
	bech32Size = len(bech32Prefix) + 52 + 6 // the key's 256 bits with 4 of padding, and the checksum
	base32Size = 52                         // without padding characters
	hexSize    = 2 * PublicKeySize
)

// humanPart is the part of a bech32 key that people recognise; bech32Prefix is the same with the separator.
const (
	humanPart    = "pnet"
	bech32Prefix = humanPart + "1"
)

// bech32Alphabet holds the characters of a bech32 key after the separator: BIP 173.
const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// fingerprintSize is the number of characters in a fingerprint: 40 bits. They are enough to tell the peers in a log
// apart, but too few to identify a key: an attacker can make a key with the same ones.
const fingerprintSize = 8

// Reasons to refuse a key.
var (
	// ErrKeyText is returned for text that has none of the forms of a key.
	ErrKeyText = errors.New("not a key")
	// ErrKeyChecksum is returned for text in the form pnet1… with a wrong checksum: it was mistyped.
	ErrKeyChecksum = errors.New("mistyped key")
	// ErrKeyLength is returned for a binary key that is not of 32 bytes, and for text that begins with pnet1 but is too
	// short or too long.
	ErrKeyLength = errors.New("wrong length of a key")
	// ErrKeyRange is returned for a number of 2^255-19 or more. X25519 reads it as a smaller one, so one peer would have
	// two keys, and only one of them might be trusted.
	ErrKeyRange = errors.New("key out of range")
	// ErrKeyLowOrder is returned for a point of low order. Anybody can compute a secret shared with it.
	ErrKeyLowOrder = errors.New("key of low order")
)

// A PublicKey is a peer's static public key, the u-coordinate of X25519 in little-endian order (RFC 7748 §5). Keys are
// equal if and only if they are ==, and may be the keys of a map.
//
// The zero value is not the key of any peer: it is of low order.
type PublicKey [PublicKeySize]byte

// NewPublicKey returns the key whose 32 bytes are b, which it copies. It fails with [ErrKeyLength], [ErrKeyRange] or
// [ErrKeyLowOrder]: wire.md §1.
func NewPublicKey(b []byte) (PublicKey, error) {
	if len(b) != PublicKeySize {
		return PublicKey{}, fmt.Errorf("%w: %d bytes, want %d", ErrKeyLength, len(b), PublicKeySize)
	}
	key := PublicKey(b)
	if !key.inRange() {
		return PublicKey{}, fmt.Errorf("%w: not below 2^255-19", ErrKeyRange)
	}
	if slices.Contains(lowOrder[:], key) {
		return PublicKey{}, ErrKeyLowOrder
	}
	return key, nil
}

// ParsePublicKey reads a key in any of its three forms, with nothing before or after it:
//
//   - pnet1…, 63 characters: bech32 (BIP 173), all in lower or all in upper case. Its checksum always finds up to
//     four mistyped characters, and misses more with a chance of one in 10^9.
//   - 52 characters of base32 (RFC 4648, no padding characters), in either case.
//   - 64 hexadecimal digits, in either case.
//
// Padding bits must be zero, so each form writes a key in one way. It fails with [ErrKeyText], [ErrKeyChecksum] or
// [ErrKeyLength], and with the errors of [NewPublicKey]. No error quotes more than one character of the text.
func ParsePublicKey(text string) (PublicKey, error) {
	var b []byte
	var err error
	// A character that no key has comes from pasting, is often invisible, and changes the length.
	i := strings.IndexFunc(text, func(c rune) bool { return c > '~' || c != ' ' && !unicode.In(c, unicode.L, unicode.Nd) })
	switch {
	case i >= 0:
		char, _ := utf8.DecodeRuneInString(text[i:])
		err = fmt.Errorf("%w: character %d is %#U, which no key has", ErrKeyText, utf8.RuneCountInString(text[:i])+1, char)
	case len(text) >= len(bech32Prefix) && strings.EqualFold(text[:len(bech32Prefix)], bech32Prefix):
		b, err = decodeBech32(text)
	case len(text) == base32Size:
		b, err = decodeBase32(text)
	case len(text) == hexSize:
		if b, err = hex.DecodeString(text); err != nil {
			err = fmt.Errorf("%w: %d characters that are not all hexadecimal digits", ErrKeyText, hexSize)
		}
	default:
		err = fmt.Errorf("%w: want %s… (%d characters), %d characters of base32 or %d hexadecimal digits",
			ErrKeyText, bech32Prefix, bech32Size, base32Size, hexSize)
	}
	if err != nil {
		return PublicKey{}, err
	}
	return NewPublicKey(b)
}

// String returns the key as text: pnet1…, 63 characters in lower case.
func (k PublicKey) String() string {
	text, err := bech32.EncodeFromBase256(humanPart, k[:])
	if err != nil {
		panic(err) // only an alphabet other than bech32's can fail
	}
	return text
}

// Fingerprint returns the first 8 characters of the key after pnet1. An attacker can make keys until one has the same
// fingerprint, so it identifies no peer. For people, use [PublicKey.Short].
func (k PublicKey) Fingerprint() string {
	return k.String()[len(bech32Prefix):][:fingerprintSize]
}

// Short returns pnet1, the fingerprint and …, for logs and lists: the beginning of a key, marked as a beginning. It
// identifies no peer, and ParsePublicKey does not read it.
func (k PublicKey) Short() string {
	return bech32Prefix + k.Fingerprint() + "…"
}

// Compare returns -1, 0 or +1 as k is less than, equal to, or greater than o, byte by byte from the first. It is the
// order in which wire.md §7.4 calls a key the smaller.
func (k PublicKey) Compare(o PublicKey) int {
	return bytes.Compare(k[:], o[:])
}

// IsZero reports whether k is the zero value, which is not the key of any peer.
func (k PublicKey) IsZero() bool {
	return k == PublicKey{}
}

// MarshalText returns the key as [PublicKey.String] does. It never fails.
func (k PublicKey) MarshalText() ([]byte, error) {
	return []byte(k.String()), nil
}

// UnmarshalText sets k to the key that [ParsePublicKey] reads from text, and leaves it as it is after an error.
func (k *PublicKey) UnmarshalText(text []byte) error {
	key, err := ParsePublicKey(string(text))
	if err == nil {
		*k = key
	}
	return err
}

// LogValue returns the key as [PublicKey.Short] does.
func (k PublicKey) LogValue() slog.Value {
	return slog.StringValue(k.Short())
}

// inRange reports whether k is below 2^255-19.
func (k PublicKey) inRange() bool {
	for i := PublicKeySize - 1; i >= 0; i-- {
		if k[i] != fieldPrime[i] {
			return k[i] < fieldPrime[i]
		}
	}
	return false
}

// fieldPrime is 2^255-19.
var fieldPrime = mustHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")

// lowOrder holds the numbers below 2^255-19 that are points of order 1, 2, 4 or 8, on the curve or on its twist.
var lowOrder = [...]PublicKey{
	mustHex("0000000000000000000000000000000000000000000000000000000000000000"), // 0
	mustHex("0100000000000000000000000000000000000000000000000000000000000000"), // 1
	mustHex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), // order 8
	mustHex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), // order 8
	mustHex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // 2^255-20
}

// mustHex returns the 32 bytes written in hexadecimal digits.
func mustHex(digits string) PublicKey {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return PublicKey(b)
}

// decodeBech32 returns the 32 bytes of a key that begins with pnet1, in either case. The error does not say which
// checksum would be right: with it, any mistyped key could be made to pass.
func decodeBech32(text string) ([]byte, error) {
	if len(text) != bech32Size {
		return nil, fmt.Errorf("%w: %d characters, want %d", ErrKeyLength, len(text), bech32Size)
	}
	for i, char := range strings.ToLower(text[len(bech32Prefix):]) {
		if !strings.ContainsRune(bech32Alphabet, char) {
			return nil, fmt.Errorf("%w: character %d is %q, which no key has", ErrKeyText, len(bech32Prefix)+i+1, char)
		}
	}
	_, b, err := bech32.DecodeToBase256(text)
	_, isMistyped := errors.AsType[bech32.ErrInvalidChecksum](err)
	_, isPadded := errors.AsType[bech32.ErrInvalidIncompleteGroup](err)
	switch {
	case isMistyped:
		return nil, fmt.Errorf("%w: its checksum is wrong; compare it with the original, character by character",
			ErrKeyChecksum)
	case isPadded:
		return nil, fmt.Errorf("%w: padding bits are not zero", ErrKeyText)
	case err != nil:
		return nil, fmt.Errorf("%w: %v", ErrKeyText, err) // upper and lower case mixed
	}
	return b, nil
}

// decodeBase32 returns the 32 bytes of 52 characters of base32.
func decodeBase32(text string) ([]byte, error) {
	encoding := base32.StdEncoding.WithPadding(base32.NoPadding)
	upper := strings.ToUpper(text)
	b, err := encoding.DecodeString(upper)
	// The library skips line ends and ignores padding bits, so the text must be what the library would write.
	if err != nil || len(b) != PublicKeySize || encoding.EncodeToString(b) != upper {
		return nil, fmt.Errorf("%w: %d characters that are not base32 of %d bytes", ErrKeyText, base32Size, PublicKeySize)
	}
	return b, nil
}
