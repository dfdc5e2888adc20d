package peertest

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// KeyPair returns the identity of the node with this name, on every network of this kit: the private half is the SHA-256 of
// "peertest key " and the name, so it is no secret. A test can know a key with it before the node is made, or write it
// into a file.
func KeyPair(name string) identity.KeyPair {
	secret := sha256.Sum256([]byte("peertest key " + name))
	keys, err := identity.NewKeyPair(secret[:])
	if err != nil {
		panic(err) // any 32 bytes are a private key
	}
	return keys
}

// random returns the randomness of a node's start, counted from 1.
func random(seed uint64, name string, start int) io.Reader {
	b := []byte("peertest rand ")
	b = binary.BigEndian.AppendUint64(b, seed)
	b = binary.BigEndian.AppendUint64(b, uint64(start))
	return rand.NewChaCha8(sha256.Sum256(append(b, name...)))
}
