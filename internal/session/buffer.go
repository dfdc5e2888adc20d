package session

import (
	"sync"

	"github.com/seed-f6ddb928/peernet-go/frame"
)

// A buffer is a byte slice that goes back to a pool. Its holder owns it; release gives it up.
type buffer struct{ b []byte }

// Buffers of each size are kept apart: an envelope of 100 bytes never pins a mebibyte, and one of a mebibyte need not be made anew
// because a smaller one came out of the pool. The sizes double. Each has 8 KiB besides, for what stands around a round number of bytes,
// and is whole pages.
const (
	firstBuffer = 512                          // capacity of a fresh buffer of the smallest size, which grows with what it holds
	smallBuffer = 16<<10 + 8<<10               // the most of the smallest size that is asked for
	largeBuffer = 2*frame.DefaultLimit + 8<<10 // the largest size; the collector takes larger ones
	bufferSizes = 8                            // smallBuffer to largeBuffer
)

var buffers [bufferSizes]sync.Pool

// sizeOfBuffers returns the capacity of fresh buffers of a size, but for the smallest.
func sizeOfBuffers(i int) int { return 16<<10<<i + 8<<10 }

// newBuffer returns an empty buffer with room for about size bytes.
func newBuffer(size int) *buffer {
	i, fresh := 0, max(size, firstBuffer)
	for ; i < bufferSizes && sizeOfBuffers(i) < size; i++ {
		fresh = sizeOfBuffers(i + 1)
	}
	if i == bufferSizes {
		return &buffer{make([]byte, 0, size)}
	}
	buf, ok := buffers[i].Get().(*buffer)
	if !ok {
		buf = new(buffer)
	}
	if cap(buf.b) < size || buf.b == nil {
		buf.b = make([]byte, 0, fresh)
	}
	return buf
}

// release gives buf to the pool of the largest size that it has room for.
func (buf *buffer) release() {
	buf.b = buf.b[:0]
	i := 0
	for i < bufferSizes-1 && cap(buf.b) >= sizeOfBuffers(i+1) {
		i++
	}
	if cap(buf.b) <= largeBuffer {
		buffers[i].Put(buf)
	}
}
