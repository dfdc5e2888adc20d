package session

import (
	"bytes"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// chunkBytes is the most bytes of a chunk that values share. Values that wait take at most about twice their bytes, in any mix of sizes:
// a chunk grows with what it holds, and a value that may have arrived in memory shared with others (see arenaBytes) is copied out.
const chunkBytes = arenaBytes

// valueBytes is the size of the buffers that the values of byte streams arrive in, one after the other. It has whole pages, and room for
// the envelope of MostWhole bytes. A value of less than half of it gets none, so that it takes no more than twice its bytes.
const valueBytes = 40 << 10

var valueBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, valueBytes)} }}

// A Value is one value of a stream that was received. Its holder owns it.
type Value struct {
	b   []byte
	buf *buffer // of valueBuffers, whose bytes b is; nil: the collector gets b
}

// Bytes returns the value, until Release.
func (v Value) Bytes() []byte { return v.b }

// Release gives the value up: another may arrive in its place. It is called once at most; without it the collector gets the value.
func (v Value) Release() {
	if v.buf != nil {
		v.buf.b = v.buf.b[:0]
		valueBuffers.Put(v.buf)
	}
}

// values are the values of a stream that wait for its reader, in order. A value is MessagePack, and so tells where it ends: chunks
// hold values end to end. The zero values are empty.
type values struct {
	chunks []Value
	head   int  // chunks before are empty
	shared bool // the last chunk is ours to append to
	reuses bool // the reader releases values
	size   int  // bytes of all values
}

// push takes v over.
func (q *values) push(v []byte) {
	q.size += len(v)
	last := len(q.chunks) - 1
	switch isEmpty := last < q.head; {
	case isEmpty || len(v) >= chunkBytes: // one small value may pin what it arrived in
		q.add(Value{b: v})
		q.shared = false
	case q.shared && len(v) <= chunkBytes-len(q.chunks[last].b):
		q.chunks[last].b = append(q.chunks[last].b, v...)
	default:
		q.add(Value{b: bytes.Clone(v)})
		q.shared = true
	}
}

// pushLent is push for a value that lies in memory of r's, and is taken or copied out of it.
func (q *values) pushLent(v []byte, r *reader) {
	if !q.reuses || len(v) > valueBytes || len(v) < valueBytes/2 {
		q.push(bytes.Clone(v))
		return
	}
	q.size += len(v)
	q.add(r.hold(v))
	q.shared = false
}

func (q *values) add(chunk Value) {
	if len(q.chunks) == cap(q.chunks) && q.head > 0 {
		n := copy(q.chunks, q.chunks[q.head:])
		clear(q.chunks[n:])
		q.chunks, q.head = q.chunks[:n], 0
	}
	q.chunks = append(q.chunks, chunk)
}

// pop returns the first value, if there is one.
func (q *values) pop() (Value, bool) {
	if q.size == 0 {
		return Value{}, false
	}
	chunk := q.chunks[q.head]
	n, err := envelope.Guard(chunk.b)
	if err != nil {
		panic("session: a value that was guarded is no value: " + err.Error())
	}
	q.size -= n
	if n < len(chunk.b) {
		q.chunks[q.head].b = chunk.b[n:]
		return Value{b: chunk.b[:n:n]}, true
	}
	q.chunks[q.head] = Value{}
	if q.head++; q.head == len(q.chunks) {
		q.chunks, q.head, q.shared = q.chunks[:0], 0, false
	}
	return chunk, true
}

// drop drops all values.
func (q *values) drop() {
	for _, chunk := range q.chunks {
		chunk.Release()
	}
	*q = values{reuses: q.reuses}
}
