package session

import "testing"

func TestNewBufferHasRoom(t *testing.T) {
	for range 3 { // the second time out of the pools
		for _, hint := range []int{0, 1, firstBuffer, firstBuffer + 1, smallBuffer, smallBuffer + 1, 1 << 20, largeBuffer, largeBuffer + 1, 5 << 20} {
			buf := newBuffer(hint)
			if len(buf.b) != 0 || cap(buf.b) < hint {
				t.Errorf("a buffer for %d bytes has %d, and room for %d", hint, len(buf.b), cap(buf.b))
			}
			buf.b = append(buf.b, make([]byte, hint)...)
			buf.release()
		}
	}
}

// TestSmallBuffersPinLittle looks for large memory in the pool of small buffers, after buffers of all sizes went back.
func TestSmallBuffersPinLittle(t *testing.T) {
	for _, size := range []int{10, smallBuffer, smallBuffer + 1, 1 << 20, 5 << 20} {
		(&buffer{make([]byte, size)}).release()
	}
	for range 100 {
		v := small.Get()
		if v == nil {
			return
		}
		if buf := v.(*buffer); len(buf.b) != 0 || cap(buf.b) > smallBuffer {
			t.Errorf("a pooled buffer has %d bytes and room for %d", len(buf.b), cap(buf.b))
		}
	}
}
