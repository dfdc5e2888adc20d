package peernet_test

import (
	"encoding/binary"
	"errors"
	"sync"
)

// A frame is a 4-byte big-endian length N, then N bytes: an 8-byte id and the payload, sealed, and their tag.
const (
	floorHeader   = 4
	floorID       = 8
	floorTag      = 16
	floorOverhead = floorHeader + floorID + floorTag

	floorLargest = 1 << 20  // N at most
	floorBig     = 16 << 10 // a frame of this size or more lies in a buffer of its own, which is passed on and not copied
)

var errFloorLength = errors.New("floor: a frame of a length it cannot have")

// appendFloorFrame appends a frame in plaintext, with room for the tag.
func appendFloorFrame(b []byte, id uint64, payload []byte) []byte {
	start, end := len(b), len(b)+floorOverhead+len(payload)
	if end > cap(b) {
		b = append(make([]byte, 0, 2*end), b...)
	}
	b = b[:end]
	fillFloorFrame(b[start:], id, payload)
	return b
}

// fillFloorFrame writes a frame in plaintext over frame, which has floorOverhead+len(payload) bytes. The tag's place keeps what it has.
func fillFloorFrame(frame []byte, id uint64, payload []byte) {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-floorHeader))
	binary.BigEndian.PutUint64(frame[floorHeader:], id)
	copy(frame[floorHeader+floorID:], payload)
}

// floorBuffer holds a frame of floorBig bytes or more. Its holder owns it.
type floorBuffer struct{ frame []byte }

var floorBuffers = sync.Pool{New: func() any { return new(floorBuffer) }}

// takeFloorBuffer takes a buffer for a frame of size bytes from the pool; it may hold anything.
func takeFloorBuffer(size int) *floorBuffer {
	b := floorBuffers.Get().(*floorBuffer)
	if cap(b.frame) < size {
		b.frame = make([]byte, size)
	}
	b.frame = b.frame[:size]
	return b
}

// floorReply is what a call brings back. Its payload is the caller's until release.
type floorReply struct {
	payload []byte
	buffer  *floorBuffer // where a large payload lies, else nil
	err     error
}

// release gives the buffer of a large payload back. A reply that is not released is left to the garbage collector.
func (r floorReply) release() {
	if r.buffer != nil {
		floorBuffers.Put(r.buffer)
	}
}
