package floor

import (
	"encoding/binary"
	"errors"
	"sync"
)

// A frame is a 4-byte big-endian length N, then N bytes: an 8-byte id and the payload, sealed, and their tag.
const (
	headerSize = 4
	idSize     = 8
	tagSize    = 16
	overhead   = headerSize + idSize + tagSize

	largest  = 1 << 20  // N at most
	bigFrame = 16 << 10 // a frame of this size or more lies in a buffer of its own, which is passed on and not copied
)

var errLength = errors.New("floor: a frame of a length it cannot have")

// appendFrame appends a frame in plaintext, with room for the tag.
func appendFrame(b []byte, id uint64, payload []byte) []byte {
	start, end := len(b), len(b)+overhead+len(payload)
	if end > cap(b) {
		b = append(make([]byte, 0, 2*end), b...)
	}
	b = b[:end]
	fillFrame(b[start:], id, payload)
	return b
}

// fillFrame writes a frame in plaintext over frame, which has overhead+len(payload) bytes. The tag's place keeps what it has.
func fillFrame(frame []byte, id uint64, payload []byte) {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-headerSize))
	binary.BigEndian.PutUint64(frame[headerSize:], id)
	copy(frame[headerSize+idSize:], payload)
}

// frameBuffer holds a frame of bigFrame bytes or more. Its holder owns it.
type frameBuffer struct{ frame []byte }

var frameBuffers = sync.Pool{New: func() any { return new(frameBuffer) }}

// takeBuffer takes a buffer for a frame of size bytes from the pool; it may hold anything.
func takeBuffer(size int) *frameBuffer {
	b := frameBuffers.Get().(*frameBuffer)
	if cap(b.frame) < size {
		b.frame = make([]byte, size)
	}
	b.frame = b.frame[:size]
	return b
}

// Reply is what a call brings back. Payload is the caller's until Release.
type Reply struct {
	Payload []byte
	buffer  *frameBuffer // where a large payload lies, else nil
	Err     error
}

// Release gives the buffer of a large payload back. A reply that is not released is left to the garbage collector.
func (r Reply) Release() {
	if r.buffer != nil {
		frameBuffers.Put(r.buffer)
	}
}
