package handshake

import (
	"crypto/sha256"
	"hash"
	"sync"
)

// digests are the SHA-256 states that one handshake of the native dialect uses. The library takes a fresh one for each hash, some thirty at each end of a
// handshake, and holds none once a step is over. Here each step uses those of the step before.
type digests struct {
	made []hash.Hash
	used int // since the last clean
}

// idleDigests are those that no handshake uses now.
var idleDigests = sync.Pool{New: func() any { return new(digests) }}

// take returns a state that nothing has been written to.
func (d *digests) take() hash.Hash {
	if d.used == len(d.made) {
		d.made = append(d.made, sha256.New())
	}
	d.used++
	return d.made[d.used-1]
}

// clean makes all states as they were made. A state has room for a block that is not complete, which Reset alone leaves there: it
// may be a secret.
func (d *digests) clean() {
	var block [sha256.BlockSize - 1]byte
	for _, h := range d.made[:d.used] {
		h.Reset()
		h.Write(block[:])
		h.Reset()
	}
	d.used = 0
}
