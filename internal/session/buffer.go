package session

import (
	"sync"

	"github.com/seed-f6ddb928/peernet-go/frame"
)

// A buffer is a byte slice that goes back to a pool. Whoever holds it owns it; release gives it up.
type buffer struct{ b []byte }

// Buffers of two sizes are kept apart, so that an envelope of 100 bytes never pins a mebibyte.
const (
	smallBuffer = 64 << 10                    // at most this much capacity: the pool of small buffers
	largeBuffer = 2*frame.DefaultLimit + 4096 // at most this much: the pool of large ones; beyond: the collector's
	firstBuffer = 512                         // capacity of a fresh small buffer

	// mostSlack is how many times its hint a large buffer may hold: what waits for a peer that does not read is counted
	// by what is in it.
	mostSlack = 4
)

var small, large sync.Pool

// newBuffer returns an empty buffer with room for about hint bytes.
func newBuffer(hint int) *buffer {
	pool, size := &small, max(hint, firstBuffer)
	if hint > smallBuffer {
		pool = &large
	}
	if v := pool.Get(); v != nil {
		buf := v.(*buffer)
		switch c := cap(buf.b); {
		case c < hint:
			buf.b = make([]byte, 0, size)
		case c > smallBuffer && c > mostSlack*hint:
			pool.Put(buf)
			return &buffer{make([]byte, 0, size)}
		}
		return buf
	}
	return &buffer{make([]byte, 0, size)}
}

func (buf *buffer) release() {
	buf.b = buf.b[:0]
	switch c := cap(buf.b); {
	case c <= smallBuffer:
		small.Put(buf)
	case c <= largeBuffer:
		large.Put(buf)
	}
}
