package frame

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A SizeError says that a header announces a body of another size than the one that is due. Got tells a responder in
// which other way the peer speaks: the first frame's length differs with private mode and with the dialect.
type SizeError struct {
	Got  uint32 // the announced size, as it was on the wire
	Want int    // the size that is due
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("frame: body of %d bytes, want %d", e.Got, e.Want)
}

// ReadExact reads one frame from r, whose body must have exactly len(body) bytes, and puts its body there. Handshake
// messages are read in this way (wire.md §4): their sender has proved nothing, so at most [HeaderSize] and len(body)
// bytes are read, and the body only if the header announces its size.
//
// A header that announces another size is a [*SizeError]; then no byte of the body has been read. The error is [io.EOF]
// if the stream ends before the header's first byte, [io.ErrUnexpectedEOF] if it ends later, and otherwise r's own.
// After an error the contents of body are undefined.
func ReadExact(r io.Reader, body []byte) error {
	var header [HeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	if got := binary.BigEndian.Uint32(header[:]); uint64(got) != uint64(len(body)) {
		return &SizeError{Got: got, Want: len(body)}
	}
	_, err := io.ReadFull(r, body)
	if err == io.EOF {
		return io.ErrUnexpectedEOF // a stream that ends after a header ends inside a frame
	}
	return err
}
