package identity

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// PrivateKeySize is the length of a private key in bytes.
const PrivateKeySize = 32

// ErrNoKey is returned by operations of a [KeyPair] that is the zero value.
var ErrNoKey = errors.New("no private key")

// A KeyPair is a node's own identity: an X25519 private key and its public key. The zero value holds no key. Two key
// pairs are == only if one is a copy of the other.
//
// No way of printing, logging or encoding it, alone or inside another value, shows more than the public key.
type KeyPair struct {
	private *private
	public  PublicKey
}

// private holds a private key. It is behind a function because fmt reaches through pointers, reflection and unexported
// fields (%s of a struct with a KeyPair in an unexported field would print an [ecdh.PrivateKey] byte by byte), but never
// into a function.
type private struct {
	key func() *ecdh.PrivateKey
}

// GenerateKeyPair makes a new key from 32 bytes of random, no more and no fewer. If random is nil, it reads
// [crypto/rand.Reader].
func GenerateKeyPair(random io.Reader) (KeyPair, error) {
	if random == nil {
		random = rand.Reader
	}
	// ecdh.Curve.GenerateKey ignores its reader, and tests need the same keys again.
	var b [PrivateKeySize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return KeyPair{}, fmt.Errorf("generating a key: %w", err)
	}
	return NewKeyPair(b[:])
}

// NewKeyPair returns the key pair whose private half is the 32 bytes of b, which it copies. Any 32 bytes are a private
// key (RFC 7748 §5); any other number of bytes fails with [ErrKeyLength].
func NewKeyPair(b []byte) (KeyPair, error) {
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return KeyPair{}, fmt.Errorf("%w: a private key of %d bytes, want %d", ErrKeyLength, len(b), PrivateKeySize)
	}
	return newKeyPair(key), nil
}

// newKeyPair returns the key pair of an X25519 key.
func newKeyPair(key *ecdh.PrivateKey) KeyPair {
	return KeyPair{
		private: &private{key: func() *ecdh.PrivateKey { return key }},
		// A multiple of the base point by a clamped number is in range and not of low order.
		public: PublicKey(key.PublicKey().Bytes()),
	}
}

// PublicKey returns the public half. It is the zero key if k is the zero value.
func (k KeyPair) PublicKey() PublicKey {
	return k.public
}

// DH returns the 32-byte secret that k shares with the holder of the public key peer, X25519 of RFC 7748 §6.1. The
// caller owns the result.
//
// peer may be any 32 bytes, as in X25519; a key that names a peer must pass [NewPublicKey] first. DH fails with
// [ErrKeyLength] if peer is not of 32 bytes, with [ErrKeyLowOrder] if the secret would be all zeros, and with
// [ErrNoKey] if k is the zero value.
func (k KeyPair) DH(peer []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, fmt.Errorf("computing a shared secret: %w", ErrNoKey)
	}
	public, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		return nil, fmt.Errorf("computing a shared secret: %w: %d bytes, want %d", ErrKeyLength, len(peer), PublicKeySize)
	}
	secret, err := k.private.key().ECDH(public)
	if err != nil {
		return nil, fmt.Errorf("computing a shared secret: %w", ErrKeyLowOrder)
	}
	return secret, nil
}

// IsZero reports whether k holds no key.
func (k KeyPair) IsZero() bool {
	return k.private == nil
}

// String returns "KeyPair(pnet1…)" with the public key, or "KeyPair()" for the zero value.
func (k KeyPair) String() string {
	if k.IsZero() {
		return "KeyPair()"
	}
	return "KeyPair(" + k.public.String() + ")"
}

// Format prints what [KeyPair.String] returns, whatever the verb and the flags.
func (k KeyPair) Format(f fmt.State, _ rune) {
	io.WriteString(f, k.String())
}

// MarshalText returns the public key as text, and no text for the zero value. So does JSON.
func (k KeyPair) MarshalText() ([]byte, error) {
	if k.IsZero() {
		return nil, nil
	}
	return k.public.MarshalText()
}

// LogValue returns the public key as [PublicKey.Short] does, or no text for the zero value.
func (k KeyPair) LogValue() slog.Value {
	if k.IsZero() {
		return slog.StringValue("")
	}
	return k.public.LogValue()
}
