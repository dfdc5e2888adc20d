package handshake

import (
	"crypto/sha256"
	"hash"
)

// newBEAMHash returns a hash state of the BEAM dialect.
func newBEAMHash() hash.Hash { return &beamHashState{Hash: sha256.New()} }

// A beamHashState is SHA-256, except that the sum of exactly 32 bytes is those bytes.
//
// A node on the BEAM never does MixHash of nothing (wire.md §13.1), against Noise §5.2. The library always does it, of
// the empty prologue and of the empty payload of message 1. What it then hashes is h alone, 32 bytes. Nothing else that a
// handshake hashes has that length: each further MixHash adds a key or a ciphertext to h, and HMAC always hashes a block of
// 64 bytes first.
//
// The type embeds the interface, so it has neither MarshalBinary nor Clone, with which HMAC would save and restore
// states and pass by the count.
type beamHashState struct {
	hash.Hash
	first   [sha256.Size]byte // the first bytes written
	written int
}

// Write implements hash.Hash.
func (s *beamHashState) Write(p []byte) (int, error) {
	if s.written < len(s.first) {
		copy(s.first[s.written:], p)
	}
	s.written += len(p)
	return s.Hash.Write(p)
}

// Sum implements hash.Hash.
func (s *beamHashState) Sum(b []byte) []byte {
	if s.written == len(s.first) {
		return append(b, s.first[:]...)
	}
	return s.Hash.Sum(b)
}

// Reset implements hash.Hash.
func (s *beamHashState) Reset() {
	s.written = 0
	s.Hash.Reset()
}
