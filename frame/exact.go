package frame

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// A SizeError says that a header announces a body of none of the sizes that are possible at this point.
type SizeError struct {
	Got  uint32 // the announced length, as it was on the wire
	Want []int  // the possible ones
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("frame: body of %d bytes, want one of %d", e.Got, e.Want)
}

// ReadExact reads one frame from r whose body must have one of the given sizes, puts the body at the start of b, and
// returns its size. It is how handshake messages are read (wire.md §4): from somebody who has proved nothing, never more
// than [HeaderSize] bytes and the largest of sizes are read, and the body only if the header names one of sizes.
//
// The error is a [*SizeError] for a header that names another size; then nothing of the body has been read. It is [io.EOF]
// if the stream ends before the header's first byte, [io.ErrUnexpectedEOF] if it ends later, and else r's own. With any
// error the contents of b are undefined. ReadExact panics without sizes, or if b has no room for the largest of them.
func ReadExact(r io.Reader, b []byte, sizes ...int) (int, error) {
	if room := slices.Max(sizes); len(b) < room {
		panic(fmt.Sprintf("frame: %d bytes of room for a body of %d", len(b), room))
	}
	var header [HeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, err
	}
	got := binary.BigEndian.Uint32(header[:])
	for _, n := range sizes {
		if int64(n) != int64(got) {
			continue
		}
		if _, err := io.ReadFull(r, b[:n]); err == io.EOF {
			return 0, io.ErrUnexpectedEOF
		} else if err != nil {
			return 0, err
		}
		return n, nil
	}
	return 0, &SizeError{Got: got, Want: slices.Clone(sizes)}
}
