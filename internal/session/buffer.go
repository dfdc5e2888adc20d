package session

import (
	"sync"

	"github.com/seed-f6ddb928/peernet-go/frame"
)

// A buffer is a byte slice that goes back to a pool. Its holder owns it; release gives it up.
type buffer struct{ b []byte }

// Buffers of two sizes are kept apart, so that an envelope of 100 bytes never pins a mebibyte.
const (
	smallBuffer = busyRead                    // largest capacity in the pool of small buffers
	largeBuffer = 2*frame.DefaultLimit + 4096 // largest capacity in the pool of large ones; the collector takes larger ones
	firstBuffer = 512                         // capacity of a fresh small buffer

	// mostSlack bounds the capacity of a large buffer, as a multiple of the size that was asked for: what waits for a peer
	// that does not read is counted by its bytes, not by the capacity that holds them.
	mostSlack = 4
)

var small, large sync.Pool

// newBuffer returns an empty buffer with room for about size bytes.
func newBuffer(size int) *buffer {
	pool, fresh := &small, max(size, firstBuffer)
	if size > smallBuffer {
		pool = &large
	}
	if v := pool.Get(); v != nil {
		buf := v.(*buffer)
		switch c := cap(buf.b); {
		case c < size:
			buf.b = make([]byte, 0, fresh)
			return buf
		case c <= smallBuffer || c <= mostSlack*size:
			return buf
		}
		pool.Put(buf)
	}
	return &buffer{make([]byte, 0, fresh)}
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
