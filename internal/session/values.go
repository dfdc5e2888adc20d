package session

import (
	"bytes"

	"github.com/seed-f6ddb928/peernet-go/envelope"
)

// chunkBytes is the most bytes of a chunk that values share. Values that wait take at most about twice their bytes, in any mix of sizes:
// a chunk grows with what it holds, and a value that may have arrived in memory shared with others (see arenaBytes) is copied out.
const chunkBytes = arenaBytes

// values are the values of a stream that wait for its reader, in order. A value is MessagePack, and so tells where it ends: chunks
// hold values end to end. The zero values are empty.
type values struct {
	chunks [][]byte
	head   int  // chunks before are empty
	shared bool // the last chunk is ours to append to
	size   int  // bytes of all values
}

// push takes v over.
func (q *values) push(v []byte) {
	q.size += len(v)
	last := len(q.chunks) - 1
	switch isEmpty := last < q.head; {
	case isEmpty || len(v) >= chunkBytes: // one small value may pin what it arrived in
		q.add(v)
		q.shared = false
	case q.shared && len(v) <= chunkBytes-len(q.chunks[last]):
		q.chunks[last] = append(q.chunks[last], v...)
	default:
		q.add(bytes.Clone(v))
		q.shared = true
	}
}

func (q *values) add(chunk []byte) {
	if len(q.chunks) == cap(q.chunks) && q.head > 0 {
		n := copy(q.chunks, q.chunks[q.head:])
		clear(q.chunks[n:])
		q.chunks, q.head = q.chunks[:n], 0
	}
	q.chunks = append(q.chunks, chunk)
}

// pop returns the first value, if there is one.
func (q *values) pop() ([]byte, bool) {
	if q.size == 0 {
		return nil, false
	}
	chunk := q.chunks[q.head]
	n, err := envelope.Guard(chunk)
	if err != nil {
		panic("session: a value that was guarded is no value: " + err.Error())
	}
	q.size -= n
	if n < len(chunk) {
		q.chunks[q.head] = chunk[n:]
		return chunk[:n:n], true
	}
	q.chunks[q.head] = nil
	if q.head++; q.head == len(q.chunks) {
		q.chunks, q.head, q.shared = q.chunks[:0], 0, false
	}
	return chunk, true
}
