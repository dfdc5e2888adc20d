package private

import (
	"crypto/hkdf"
	"crypto/sha256"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

const secretSize = 32

// secretLabel sets the secrets of this protocol apart from whatever else is made of the same keys: wire.md §4.6.
const secretLabel = "PeerNet private mode 1"

// A secret is what the two nodes of a pair know and nobody else: K of wire.md §4.6. It is behind a function because fmt
// prints whatever it can reach, and of a function the address. What it returns is not changed.
type secret func() *[secretSize]byte

// newSecret returns the secret that own shares with the holder of remote. It fails as [identity.NewPublicKey] does.
func newSecret(own identity.KeyPair, remote identity.PublicKey) (secret, error) {
	if _, err := identity.NewPublicKey(remote[:]); err != nil {
		return nil, err
	}
	z, err := own.DH(remote[:])
	if err != nil {
		return nil, err
	}
	smaller, larger := own.PublicKey(), remote
	if larger.Compare(smaller) < 0 {
		smaller, larger = larger, smaller
	}
	b, err := hkdf.Key(sha256.New, z, []byte(secretLabel), string(append(smaller[:], larger[:]...)), secretSize)
	if err != nil {
		return nil, err
	}
	k := [secretSize]byte(b)
	return func() *[secretSize]byte { return &k }, nil
}

// hmacSHA256 is HMAC-SHA256 (RFC 2104) for keys of 32 bytes. Unlike crypto/hmac it allocates nothing for messages of up to
// 64 bytes, as all here are: a stranger's connection or datagram costs several for each key that is trusted.
func hmacSHA256(key *[secretSize]byte, message []byte) [sha256.Size]byte {
	var inner [2 * sha256.BlockSize]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(inner[:], key[:])
	copy(outer[:], key[:])
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	sum := sha256.Sum256(append(inner[:sha256.BlockSize], message...))
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
