package memnet

import "sync"

// windowSize is how many bytes of one direction of a stream may be written and not yet read.
const windowSize = 64 << 10

// smallSize is what a ring takes before it takes a whole window, so that thousands of streams with little in them are cheap.
const smallSize = 4 << 10

// Buffers of rings that are not empty; an empty ring holds none.
var (
	smallBuffers  = sync.Pool{New: func() any { return new([smallSize]byte) }}
	windowBuffers = sync.Pool{New: func() any { return new([windowSize]byte) }}
)

// A ring is a queue of at most windowSize bytes. The zero value is empty. Not safe for concurrent use.
type ring struct {
	buf   []byte // nil, or from one of the pools
	start int
	n     int
}

// write appends all of b, which must fit.
func (r *ring) write(b []byte) {
	r.reserve(r.n + len(b))
	end := (r.start + r.n) % max(len(r.buf), 1)
	k := copy(r.buf[end:], b)
	copy(r.buf, b[k:])
	r.n += len(b)
}

// read moves up to len(b) bytes into b.
func (r *ring) read(b []byte) int {
	b = b[:min(len(b), r.n)]
	k := copy(b, r.buf[r.start:])
	copy(b[k:], r.buf)
	r.discard(len(b))
	return len(b)
}

// discard drops the first n bytes.
func (r *ring) discard(n int) {
	r.n -= n
	if r.n == 0 {
		r.release()
		return
	}
	r.start = (r.start + n) % len(r.buf)
}

// cut drops all but the first n bytes.
func (r *ring) cut(n int) {
	r.n = n
	if n == 0 {
		r.release()
	}
}

// reserve makes room for n bytes in all.
func (r *ring) reserve(n int) {
	if n <= len(r.buf) {
		return
	}
	var buf []byte
	if n <= smallSize {
		buf = smallBuffers.Get().(*[smallSize]byte)[:]
	} else {
		buf = windowBuffers.Get().(*[windowSize]byte)[:]
	}
	k := copy(buf, r.buf[r.start:min(r.start+r.n, len(r.buf))])
	copy(buf[k:r.n], r.buf)
	r.release()
	r.buf, r.start = buf, 0
}

// release gives the buffer back to its pool.
func (r *ring) release() {
	switch len(r.buf) {
	case smallSize:
		smallBuffers.Put((*[smallSize]byte)(r.buf))
	case windowSize:
		windowBuffers.Put((*[windowSize]byte)(r.buf))
	}
	r.buf, r.start = nil, 0
}
