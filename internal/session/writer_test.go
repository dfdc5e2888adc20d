package session

import (
	"testing"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// TestNothingIsWrittenForADroppedBatch closes the queue while the writer yields with something to write: what it was about to
// take is gone.
func TestNothingIsWrittenForADroppedBatch(t *testing.T) {
	for range 100 {
		l := bareLink()
		writes := &countedWrites{}
		l.conn = writes
		l.queue.isCrowded = func() bool {
			go l.queue.finish(nil, errTest)
			return true
		}
		l.queue.force(numbered(1, 20), nil)
		ended := make(chan any, 1)
		w := &writer{Link: l, send: channel.NewCipherState([32]byte{1}), end: func(m any) { ended <- m }}
		l.queue.startWriter(func() { go w.Run() })
		if m := <-ended; m != (writeEnded{}) {
			t.Fatal(m)
		}
		if writes.empty != 0 {
			t.Fatal("nothing was written, by a write")
		}
	}
}

// countedWrites is a connection that counts the writes of nothing.
type countedWrites struct {
	sink
	empty int
}

func (c *countedWrites) Write(b []byte) (int, error) {
	if len(b) == 0 {
		c.empty++
	}
	return len(b), nil
}

// TestSealedSegmentsAreTheFramesOfTheirEnvelopes goes from the queue to the bytes of a write (wire.md §5).
func TestSealedSegmentsAreTheFramesOfTheirEnvelopes(t *testing.T) {
	q := testQueue(10 << 20)
	sizes := []int{8, 100, copyBytes, copyBytes + 1, 1 << 20, 9}
	for n, size := range sizes {
		push(t, q, bulk, n, size)
	}
	key := [32]byte{1}
	sealer, opener := channel.NewCipherState(key), channel.NewCipherState(key)
	n := 0
	for !q.isEmpty() {
		segments, _ := takeOnce(q, nil)
		for _, s := range segments {
			room := make([]byte, 0, len(s.b)+s.frames*channel.Overhead)
			out, err := s.seal(room, sealer)
			if err != nil {
				t.Fatal(err)
			}
			if cap(out) != cap(room) {
				t.Errorf("%d envelopes of together %d bytes did not fit the room made for them", s.frames, len(s.b))
			}
			for len(out) > 0 {
				body, rest, err := frame.Next(out, 2<<20)
				if err != nil {
					t.Fatal(err)
				}
				plain, err := opener.Open(nil, body)
				if err != nil {
					t.Fatal(err)
				}
				if got := number(t, plain); got != n || len(plain) != sizes[n]-frame.HeaderSize {
					t.Errorf("frame %d is envelope %d of %d bytes", n, got, len(plain))
				}
				out = rest
				n++
			}
		}
		q.release(segments)
	}
	if n != len(sizes) {
		t.Errorf("%d frames, want %d", n, len(sizes))
	}
}
