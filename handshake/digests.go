package handshake

import (
	"crypto/sha256"
	"hash"
	"sync"
)

// digests are the SHA-256 states that one handshake uses. The library takes a fresh one for each hash, some thirty at each end of a
// handshake, and holds none once a step is over. Here each step uses those of the step before.
type digests struct {
	dialect Dialect
	made    []hash.Hash
	used    int // since the last clean
}

// idleDigests are those that no handshake uses now, by dialect.
var idleDigests = [...]sync.Pool{
	Native: {New: func() any { return &digests{dialect: Native} }},
	BEAM:   {New: func() any { return &digests{dialect: BEAM} }},
}

// digestsFor returns digests for a handshake in d.
func digestsFor(d Dialect) *digests { return idleDigests[d].Get().(*digests) }

// fresh makes a state.
func (d *digests) fresh() hash.Hash {
	if d.dialect == BEAM {
		return newBEAMHash()
	}
	return sha256.New()
}

// take returns a state that nothing has been written to.
func (d *digests) take() hash.Hash {
	if d.used == len(d.made) {
		d.made = append(d.made, d.fresh())
	}
	d.used++
	return d.made[d.used-1]
}

// clean makes all states as they were made. A state has room for a block that is not complete, and in the BEAM dialect for the
// first bytes. Reset alone leaves both there, and they may be a secret: HMAC begins with its key.
func (d *digests) clean() {
	var block [sha256.BlockSize - 1]byte
	for _, h := range d.made[:d.used] {
		h.Reset()
		h.Write(block[:])
		h.Reset()
	}
	d.used = 0
}
