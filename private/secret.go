package private

import (
	"crypto/sha256"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

const secretSize = 32

// secretLabel separates the secrets of this protocol from any others that are made of the same keys: wire.md §4.6.
const secretLabel = "PeerNet private mode 1"

// A secret is the secret of a pair: K of wire.md §4.6. It is behind a function because fmt prints the bytes that it can
// reach, but only the address of a function. The result must not be changed.
type secret func() *[secretSize]byte

// newSecret returns the secret that own shares with the holder of peer. It fails as [identity.NewPublicKey] does.
func newSecret(own identity.KeyPair, peer identity.PublicKey) (secret, error) {
	if _, err := identity.NewPublicKey(peer[:]); err != nil {
		return nil, err
	}
	z, err := own.DH(peer[:])
	if err != nil {
		return nil, err
	}
	smaller, larger := own.PublicKey(), peer
	if larger.Compare(smaller) < 0 {
		smaller, larger = larger, smaller
	}
	defer clear(z)
	// HKDF (RFC 5869), but nothing of it stays behind in the memory of a library.
	var salt [secretSize]byte
	copy(salt[:], secretLabel) // as HMAC pads its key
	k := new([secretSize]byte)
	*k = hmacSHA256(&salt, z)
	*k = hmacSHA256(k, slices.Concat(smaller[:], larger[:], []byte{1}))
	return func() *[secretSize]byte { return k }, nil
}

// hmacSHA256 is HMAC-SHA256 (RFC 2104) for keys of 32 bytes. Unlike crypto/hmac it allocates nothing for messages of up
// to 128 bytes, and the longest here has 65. That matters: a connection or datagram from anywhere costs three HMACs for
// each trusted key, and what is allocated stays in memory with the key.
func hmacSHA256(key *[secretSize]byte, message []byte) [sha256.Size]byte {
	var inner [3 * sha256.BlockSize]byte
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
