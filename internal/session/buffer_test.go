package session

import "testing"

// aroundSizes are the sizes at which buffers of another size are used, and those beside them.
func aroundSizes() []int {
	sizes := []int{0, 1, firstBuffer, firstBuffer + 1, 5 << 20}
	for i := range bufferSizes {
		sizes = append(sizes, sizeOfBuffers(i)-1, sizeOfBuffers(i), sizeOfBuffers(i)+1)
	}
	return sizes
}

// mostSlack bounds the capacity of a buffer that is not small, as a multiple of what was asked for.
const mostSlack = 4

// TestNewBufferHasRoom, and little more than was asked for if that is not small.
func TestNewBufferHasRoom(t *testing.T) {
	if sizeOfBuffers(0) != smallBuffer || sizeOfBuffers(bufferSizes-1) != largeBuffer {
		t.Errorf("buffers have %d to %d bytes, want %d to %d", sizeOfBuffers(0), sizeOfBuffers(bufferSizes-1), smallBuffer, largeBuffer)
	}
	for range 3 { // the second time out of the pools
		for _, size := range aroundSizes() {
			buf := newBuffer(size)
			if len(buf.b) != 0 || cap(buf.b) < size || size > copyBytes && cap(buf.b) > mostSlack*size {
				t.Errorf("a buffer for %d bytes has %d, and room for %d", size, len(buf.b), cap(buf.b))
			}
			buf.b = append(buf.b, make([]byte, size)...)
			buf.release()
		}
	}
}

// TestSmallBuffersPinLittle looks for large memory in the pools of smaller buffers, after buffers of all sizes went back.
func TestSmallBuffersPinLittle(t *testing.T) {
	for _, size := range aroundSizes() {
		(&buffer{make([]byte, size)}).release()
	}
	for i := range bufferSizes {
		for range 100 {
			buf, ok := buffers[i].Get().(*buffer)
			if !ok {
				break
			}
			if len(buf.b) != 0 || cap(buf.b) >= sizeOfBuffers(i+1) || i > 0 && cap(buf.b) < sizeOfBuffers(i) || cap(buf.b) > largeBuffer {
				t.Errorf("a pooled buffer of size %d has %d bytes and room for %d", i, len(buf.b), cap(buf.b))
			}
		}
	}
}
