package peernet_test

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

// floorMessages are the sizes in bytes of the three messages of Noise XX with empty payloads, in the order they travel.
var floorMessages = [...]int{32, 96, 64}

var errFloorKey = errors.New("floor: the other end has another static key")

// floorKey is an X25519 key pair that is parsed once: ecdh.NewPrivateKey computes the public half, which costs as much as a
// Diffie-Hellman.
type floorKey struct {
	noise.DHKey
	parsed *ecdh.PrivateKey
}

// newFloorKey makes a key pair of 32 bytes read from random.
func newFloorKey(random io.Reader) (floorKey, error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return floorKey{}, err
	}
	parsed, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return floorKey{}, err
	}
	return floorKey{noise.DHKey{Private: parsed.Bytes(), Public: parsed.PublicKey().Bytes()}, parsed}, nil
}

// floorDH is the Diffie-Hellman of one handshake: it remembers the parsed form of the static key it is made with and of the
// ephemeral key it generates. The library's own DH parses the key each time, which doubles the cost of a handshake.
type floorDH struct{ static, ephemeral floorKey }

func (d *floorDH) GenerateKeypair(random io.Reader) (key noise.DHKey, err error) {
	d.ephemeral, err = newFloorKey(random)
	return d.ephemeral.DHKey, err
}

func (d *floorDH) DH(private, public []byte) ([]byte, error) {
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

func (*floorDH) DHLen() int     { return 32 }
func (*floorDH) DHName() string { return "25519" }

// floorChaChaPoly makes the ciphers of a handshake. The library's own allocates a nonce for each message.
type floorChaChaPoly struct{}

func (floorChaChaPoly) CipherName() string { return "ChaChaPoly" }

func (floorChaChaPoly) Cipher(key [32]byte) noise.Cipher {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // the key has the size it must have
	}
	return &floorCipher{aead: aead}
}

// floorCipher is one direction of a session: ChaCha20-Poly1305 with a nonce of 4 zero bytes and a 64-bit little-endian counter.
// It is not safe for concurrent use.
type floorCipher struct {
	aead  cipher.AEAD
	nonce [chacha20poly1305.NonceSize]byte
	n     uint64
}

// seal encrypts plaintext in place and writes the tag behind it; the array under plaintext has room for it.
func (c *floorCipher) seal(plaintext []byte) {
	c.Encrypt(plaintext[:0], c.n, nil, plaintext)
	c.n++
}

// open decrypts ciphertext in place.
func (c *floorCipher) open(ciphertext []byte) (plaintext []byte, err error) {
	plaintext, err = c.Decrypt(ciphertext[:0], c.n, nil, ciphertext)
	c.n++
	return plaintext, err
}

func (c *floorCipher) Encrypt(out []byte, n uint64, ad, plaintext []byte) []byte {
	binary.LittleEndian.PutUint64(c.nonce[4:], n)
	return c.aead.Seal(out, c.nonce[:], plaintext, ad)
}

func (c *floorCipher) Decrypt(out []byte, n uint64, ad, ciphertext []byte) ([]byte, error) {
	binary.LittleEndian.PutUint64(c.nonce[4:], n)
	return c.aead.Open(out, c.nonce[:], ciphertext, ad)
}

// floorHandshake runs Noise_XX_25519_ChaChaPoly_SHA256 over conn, which it does not close, and returns the two directions. The other end
// must hold the static key peer.
func floorHandshake(conn net.Conn, static floorKey, peer []byte, initiator bool) (send, recv *floorCipher, err error) {
	suite := noise.NewCipherSuite(&floorDH{static: static}, floorChaChaPoly{}, noise.HashSHA256)
	first, second, err := runFloorXX(conn, suite, static.DHKey, peer, initiator)
	if err != nil {
		return nil, nil, err
	}
	if !initiator {
		first, second = second, first
	}
	return first.Cipher().(*floorCipher), second.Cipher().(*floorCipher), nil
}

// runFloorXX runs Noise XX with empty payloads and an empty prologue, each message behind a 4-byte length. It returns what the initiator
// sends with, then what the responder does.
func runFloorXX(
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
	var buffer [floorHeader + 96]byte
	for i, size := range floorMessages {
		frame := buffer[:floorHeader+size]
		if (i%2 == 0) == initiator {
			binary.BigEndian.PutUint32(frame, uint32(size))
			if _, first, second, err = state.WriteMessage(frame[:floorHeader], nil); err != nil {
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
			return nil, nil, errFloorLength
		}
		if _, first, second, err = state.ReadMessage(nil, frame[floorHeader:]); err != nil {
			return nil, nil, err
		}
		if key := state.PeerStatic(); key != nil && !bytes.Equal(key, peer) {
			return nil, nil, fmt.Errorf("%w: %x", errFloorKey, key)
		}
	}
	return first, second, nil
}
