package handshake

import (
	"fmt"
	"hash"
	"io"

	"github.com/flynn/noise"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// primitives are those of Noise_XX_25519_ChaChaPoly_SHA256 (wire.md §4.1). Only the name and the length of the
// library's DH are used: each handshake has a suite with its own DH.
var primitives = noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)

// A suite is the cipher suite of one handshake. It holds that handshake's two private keys.
//
// The library passes private keys as bytes, so its own DH must parse them each time. Parsing an X25519 key computes its
// public half, which is as much work as the DH itself. Here the library gets a handle of one byte in place of each
// private key, and the parsed keys stay with the suite. So no private key enters the library.
type suite struct {
	noise.CipherSuite
	static    identity.KeyPair
	ephemeral identity.KeyPair // zero until it is made, once
	secrets   [][]byte         // what DH has returned, until erase
	digests   *digests         // nil after release
}

// Handles of the private keys.
const (
	staticHandle byte = iota
	ephemeralHandle
)

// staticKey returns the static key as the library wants it.
func (s *suite) staticKey() noise.DHKey {
	public := s.static.PublicKey()
	return noise.DHKey{Private: []byte{staticHandle}, Public: public[:]}
}

// prepare makes the ephemeral key from exactly 32 bytes of random, so that vectors replay. The library makes the key
// while it writes the message, but a knock depends on the key and is needed before.
func (s *suite) prepare(random io.Reader) (err error) {
	s.ephemeral, err = identity.GenerateKeyPair(random)
	return err
}

// GenerateKeypair returns the ephemeral key for token e of Noise §5.3, which each end sends once.
func (s *suite) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	if s.ephemeral.IsZero() {
		if err := s.prepare(random); err != nil {
			return noise.DHKey{}, err
		}
	}
	public := s.ephemeral.PublicKey()
	return noise.DHKey{Private: []byte{ephemeralHandle}, Public: public[:]}, nil
}

// DH computes the shared secret of the private key behind the handle and the peer's public key. The peer's ephemeral
// key was checked when it arrived, so only its static key can fail here: an error is an ErrKey.
func (s *suite) DH(handle, public []byte) ([]byte, error) {
	kp := s.static
	if handle[0] == ephemeralHandle {
		kp = s.ephemeral
	}
	secret, err := kp.DH(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	s.secrets = append(s.secrets, secret)
	return secret, nil
}

// Hash returns a hash state that is the library's until the step is over.
func (s *suite) Hash() hash.Hash { return s.digests.take() }

// erase overwrites what DH has returned, and what the step has hashed. It is called after each step: the library has mixed it into
// its chaining key then.
func (s *suite) erase() {
	for _, secret := range s.secrets {
		clear(secret)
	}
	s.secrets = nil
	s.digests.clean()
}

// release gives the digests to the next handshake. It is called after the last erase.
func (s *suite) release() {
	idleDigests[s.digests.dialect].Put(s.digests)
	s.digests = nil
}
