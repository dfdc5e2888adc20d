// Package channel seals and opens transport messages: wire.md §5, the CipherState of Noise §5.1 with ChaCha20-Poly1305
// and no associated data.
//
// A session has two cipher states, one per direction, each with its own key from the handshake. Messages carry no
// number: both ends count. So a message that is lost, repeated, reordered or changed does not open, nor does any after
// it. The caller puts each sealed message in a frame and keeps their order.
//
// Sealing and opening allocate nothing per message where x/crypto has assembly for both ciphers together, which is amd64.
// Elsewhere its portable code allocates 32 bytes.
package channel

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"math"

	"golang.org/x/crypto/chacha20poly1305"
)

// Overhead is how many bytes longer a sealed message is than its plaintext: the tag of Poly1305 (wire.md §5).
const Overhead = chacha20poly1305.Overhead

var (
	// ErrExhausted says that the counter has reached 2^64-1, which Noise §5.1 reserves. The session must end.
	ErrExhausted = errors.New("channel: no nonces left")

	// ErrAuth says that a message is not the next one that the peer sealed, or that an earlier one was not. The session
	// must end.
	ErrAuth = errors.New("channel: message does not authenticate")

	// ErrShort says that a message is shorter than its tag. It ends the state as [ErrAuth] does.
	ErrShort = errors.New("channel: message shorter than its tag")
)

// A CipherState is the key and the counter of one direction, either the sending or the receiving end of it. It is not
// safe for concurrent use. No way of printing or logging it shows the key.
type CipherState struct {
	aead  func() cipher.AEAD               // a function, because printers reach the key through anything else
	nonce [chacha20poly1305.NonceSize]byte // 4 zero bytes, then room for n; a field, so that it is not allocated per message
	n     uint64                           // the nonce of the next message; math.MaxUint64 is never used
	dead  bool                             // a message did not open
}

// NewCipherState returns the cipher state of key, at nonce 0.
func NewCipherState(key [32]byte) *CipherState {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	return &CipherState{aead: func() cipher.AEAD { return aead }}
}

// Nonce returns how many messages have been sealed or opened, which is the nonce of the next one.
func (c *CipherState) Nonce() uint64 { return c.n }

// Seal appends the next message, plaintext encrypted and then its tag, to dst, and grows dst only if it has no room for
// len(plaintext)+[Overhead] bytes more. The plaintext must not overlap that room, unless it lies exactly at its start.
// The error is [ErrExhausted], with dst as it was.
func (c *CipherState) Seal(dst, plaintext []byte) ([]byte, error) {
	if c.n == math.MaxUint64 {
		return dst, ErrExhausted
	}
	dst = c.aead().Seal(dst, c.next(), plaintext, nil)
	c.n++
	return dst, nil
}

// Open checks that ciphertext is the peer's next message and appends its plaintext to dst, which it grows only if it
// has no room for len(ciphertext)-[Overhead] bytes more; with ciphertext[:0] as dst it opens in place. Otherwise the
// two must not overlap.
//
// The error is [ErrExhausted], [ErrShort] or [ErrAuth], with dst as it was. Its room, and so a ciphertext opened in
// place, may have been overwritten with zeros. After ErrShort and ErrAuth the state is dead: every later call fails
// with ErrAuth.
func (c *CipherState) Open(dst, ciphertext []byte) ([]byte, error) {
	switch {
	case c.dead:
		return dst, ErrAuth
	case c.n == math.MaxUint64:
		return dst, ErrExhausted
	case len(ciphertext) < Overhead:
		c.dead = true
		return dst, ErrShort
	}
	plaintext, err := c.aead().Open(dst, c.next(), ciphertext, nil)
	if err != nil {
		c.dead = true
		return dst, ErrAuth
	}
	c.n++
	return plaintext, nil
}

// next returns the nonce of the next message: 4 zero bytes and the counter in little-endian (Noise §12.3).
func (c *CipherState) next() []byte {
	binary.LittleEndian.PutUint64(c.nonce[4:], c.n)
	return c.nonce[:]
}
