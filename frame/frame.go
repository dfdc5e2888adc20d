// Package frame cuts a byte stream into messages: a 4-byte big-endian length, then that many bytes (wire.md §3).
//
// The handshake and everything after it use the same frames. A reader knows before a frame arrives how long its body
// may be. It refuses any other length on the header alone: it reads no byte of the body and allocates nothing for it.
// [ReadExact] serves the handshake, whose three messages have one size each. [Next] serves a session, which reads into
// a buffer of its own and takes complete frames from it. [Append] and [AppendHeader] write.
//
// The package keeps neither state nor bytes. Its functions are safe for concurrent use on separate buffers.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	// HeaderSize is the length of a frame's header in bytes: the body's length, unsigned, big-endian (wire.md §3).
	HeaderSize = 4

	// DefaultLimit is the longest body, in bytes and with the cipher's tag, that every node accepts (wire.md §9). It
	// bounds what one peer can make a node hold before the node can check a byte of the message.
	DefaultLimit = 1 << 20
)

var (
	// ErrTooLarge says that a header announces a body longer than the limit.
	ErrTooLarge = errors.New("frame: body over the limit")

	// ErrEmpty says that a header announces a body of no bytes. No message of the protocol is empty.
	ErrEmpty = errors.New("frame: empty body")

	// ErrShort says that the bytes end inside a frame: more input is needed.
	ErrShort = errors.New("frame: incomplete")
)

// AppendHeader appends the header of a body of n bytes to b. It panics if n is not between 1 and 2^32-1.
func AppendHeader(b []byte, n int) []byte {
	if n < 1 || uint64(n) > math.MaxUint32 {
		panic(fmt.Sprintf("frame: no header for a body of %d bytes", n))
	}
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// Append appends the frame of body, header and body, to b. It panics if body is empty or longer than 2^32-1 bytes.
func Append(b, body []byte) []byte {
	return append(AppendHeader(b, len(body)), body...)
}

// Length returns the length of the body that the first [HeaderSize] bytes of header announce, between 1 and limit. It
// does not look at the bytes that follow. Its errors are [ErrShort], [ErrEmpty] and [ErrTooLarge].
func Length(header []byte, limit int) (int, error) {
	if len(header) < HeaderSize {
		return 0, ErrShort
	}
	n := binary.BigEndian.Uint32(header)
	if n == 0 {
		return 0, ErrEmpty
	}
	if int64(n) > int64(limit) {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, limit)
	}
	return int(n), nil
}

// Next returns the body of the frame that buf begins with, of at most limit bytes, and the bytes after that frame.
//
// Both alias buf; body has no room beyond its end, so appending to it never writes into rest. While the frame is
// incomplete Next returns [ErrShort]; the caller reads more into buf and asks again. [ErrEmpty] and [ErrTooLarge] come as
// soon as the header is there, and are final: the stream has no next frame. With any error body is nil and rest is buf.
func Next(buf []byte, limit int) (body, rest []byte, err error) {
	n, err := Length(buf, limit)
	if err != nil {
		return nil, buf, err
	}
	if len(buf)-HeaderSize < n {
		return nil, buf, ErrShort
	}
	end := HeaderSize + n
	return buf[HeaderSize:end:end], buf[end:], nil
}
