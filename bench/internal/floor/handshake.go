package floor

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/flynn/noise"
	"golang.org/x/crypto/chacha20poly1305"
)

// messageSizes are the sizes in bytes of the three messages of Noise XX with empty payloads, in the order they travel.
var messageSizes = [...]int{32, 96, 64}

var errOtherKey = errors.New("floor: the other end has another static key")

// Key is an X25519 key pair that is parsed once: ecdh.NewPrivateKey computes the public half, which costs as much as a
// Diffie-Hellman.
type Key struct {
	noise.DHKey
	parsed *ecdh.PrivateKey
}

// NewKey makes a key pair of 32 bytes read from random.
func NewKey(random io.Reader) (Key, error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return Key{}, err
	}
	parsed, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return Key{}, err
	}
	return Key{noise.DHKey{Private: parsed.Bytes(), Public: parsed.PublicKey().Bytes()}, parsed}, nil
}

// diffieHellman is the Diffie-Hellman of one handshake: it remembers the parsed form of the static key it is made with and of the
// ephemeral key it generates. The library's own DH parses the key each time, which doubles the cost of a handshake.
type diffieHellman struct{ static, ephemeral Key }

func (d *diffieHellman) GenerateKeypair(random io.Reader) (key noise.DHKey, err error) {
	d.ephemeral, err = NewKey(random)
	return d.ephemeral.DHKey, err
}

func (d *diffieHellman) DH(private, public []byte) ([]byte, error) {
	own := d.static.parsed
	if bytes.Equal(private, d.ephemeral.Private) {
		own = d.ephemeral.parsed
	}
	remote, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return own.ECDH(remote)
}

func (*diffieHellman) DHLen() int     { return 32 }
func (*diffieHellman) DHName() string { return "25519" }

// chaChaPoly makes the ciphers of a handshake. The library's own allocates a nonce for each message.
type chaChaPoly struct{}

func (chaChaPoly) CipherName() string { return "ChaChaPoly" }

func (chaChaPoly) Cipher(key [32]byte) noise.Cipher {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // the key has the size it must have
	}
	return &Cipher{aead: aead}
}

// Cipher is one direction of a session: ChaCha20-Poly1305 with a nonce of 4 zero bytes and a 64-bit little-endian counter.
// It is not safe for concurrent use.
type Cipher struct {
	aead  cipher.AEAD
	nonce [chacha20poly1305.NonceSize]byte
	n     uint64
}

// Plain returns a direction that is not encrypted, for a session over what is or over bare TCP: tags hold anything.
func Plain() *Cipher { return new(Cipher) }

// seal encrypts plaintext in place and writes the tag behind it; the array under plaintext has room for it.
func (c *Cipher) seal(plaintext []byte) {
	if c.aead == nil {
		return
	}
	c.Encrypt(plaintext[:0], c.n, nil, plaintext)
	c.n++
}

// open decrypts ciphertext in place.
func (c *Cipher) open(ciphertext []byte) (plaintext []byte, err error) {
	if c.aead == nil {
		return ciphertext[:len(ciphertext)-tagSize], nil
	}
	plaintext, err = c.Decrypt(ciphertext[:0], c.n, nil, ciphertext)
	c.n++
	return plaintext, err
}

func (c *Cipher) Encrypt(out []byte, n uint64, ad, plaintext []byte) []byte {
	binary.LittleEndian.PutUint64(c.nonce[4:], n)
	return c.aead.Seal(out, c.nonce[:], plaintext, ad)
}

func (c *Cipher) Decrypt(out []byte, n uint64, ad, ciphertext []byte) ([]byte, error) {
	binary.LittleEndian.PutUint64(c.nonce[4:], n)
	return c.aead.Open(out, c.nonce[:], ciphertext, ad)
}

// Handshake runs Noise_XX_25519_ChaChaPoly_SHA256 over conn, which it does not close, and returns the two directions. The other end
// must hold the static key peer.
func Handshake(conn net.Conn, static Key, peer []byte, initiator bool) (send, recv *Cipher, err error) {
	suite := noise.NewCipherSuite(&diffieHellman{static: static}, chaChaPoly{}, noise.HashSHA256)
	first, second, err := runXX(conn, suite, static.DHKey, peer, initiator)
	if err != nil {
		return nil, nil, err
	}
	if !initiator {
		first, second = second, first
	}
	return first.Cipher().(*Cipher), second.Cipher().(*Cipher), nil
}

// runXX runs Noise XX with empty payloads and an empty prologue, each message behind a 4-byte length. It returns what the initiator
// sends with, then what the responder does.
func runXX(
	conn net.Conn, suite noise.CipherSuite, static noise.DHKey, peer []byte, initiator bool,
) (first, second *noise.CipherState, err error) {
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:   suite,
		Random:        rand.Reader,
		Pattern:       noise.HandshakeXX,
		Initiator:     initiator,
		StaticKeypair: static,
	})
	if err != nil {
		return nil, nil, err
	}
	var buffer [headerSize + 96]byte
	for i, size := range messageSizes {
		frame := buffer[:headerSize+size]
		if (i%2 == 0) == initiator {
			binary.BigEndian.PutUint32(frame, uint32(size))
			if _, first, second, err = state.WriteMessage(frame[:headerSize], nil); err != nil {
				return nil, nil, err
			}
			if _, err = conn.Write(frame); err != nil {
				return nil, nil, err
			}
			continue
		}
		if _, err = io.ReadFull(conn, frame); err != nil {
			return nil, nil, err
		}
		if binary.BigEndian.Uint32(frame) != uint32(size) {
			return nil, nil, errLength
		}
		if _, first, second, err = state.ReadMessage(nil, frame[headerSize:]); err != nil {
			return nil, nil, err
		}
		if key := state.PeerStatic(); key != nil && !bytes.Equal(key, peer) {
			return nil, nil, fmt.Errorf("%w: %x", errOtherKey, key)
		}
	}
	return first, second, nil
}
