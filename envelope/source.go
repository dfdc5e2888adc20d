package envelope

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// errMisread reports bytes that are read in another way than their value demands.
var errMisread = errors.New("bytes of one value read as another")

// A source gives guarded bytes to the library. It knows where each value begins, and so mends two faults of the
// library.
//
// Where the library expects a map and finds an extension, it takes the extension for a wrapper around a map, and reads
// the map's header from the extension's data. So eight bytes of a timestamp can demand a map of 2^30 entries, which
// ends the process. A source gives out the data of an extension only in one piece, as data, and never byte by byte.
//
// The library decodes an integer into any as the Go type of its width on the wire. A source gives out every integer
// with 64 bits, so that it becomes an int64 (uint64 above that) in whatever width it was sent.
type source struct {
	b    []byte
	pos  int // the next byte to be read
	head int // where the next value begins, or the first one in the array or map that has just begun
	// header is where the first byte, length and type of the last value end: up to there, bytes may be read one by one.
	header int
	undo   int // the position of the last byte read, if it is the first of a value; otherwise -1
	// wide holds the 8 bytes of an integer. The last unread of them have not been read yet.
	wide   [8]byte
	unread int
}

// newSource returns a source of the guarded value in b.
func newSource(b []byte) source { return source{b: b, undo: -1} }

// ReadByte implements io.ByteReader.
func (s *source) ReadByte() (byte, error) {
	switch {
	case s.unread > 0:
		return 0, errMisread
	case s.pos == s.head:
		return s.begin()
	case s.pos < s.header:
		s.undo = -1
		s.pos++
		return s.b[s.pos-1], nil
	}
	return 0, errMisread
}

// begin reads the first byte of the next value.
func (s *source) begin() (byte, error) {
	if s.pos == len(s.b) {
		return 0, io.EOF
	}
	s.undo = s.pos
	if u, negative, ok := integer(s.b, s.pos); ok {
		s.pos = skip(s.b, s.pos)
		s.head = s.pos
		s.header = s.pos
		binary.BigEndian.PutUint64(s.wide[:], u)
		s.unread = len(s.wide)
		if !negative && u > math.MaxInt64 {
			return codeUint64, nil
		}
		return codeInt64, nil
	}
	c := s.b[s.pos]
	switch {
	case c >= fixMap && c < fixStr, c >= codeArray16 && c <= codeMap32:
		s.head, _, _ = extent(s.b, s.pos)
		s.header = s.head
	case forms[c].size != 0:
		s.head = s.pos + int(forms[c].size)
		s.header = s.pos + 1
	default:
		s.head = skip(s.b, s.pos)
		_, s.header, _ = length(s.b, s.pos)
	}
	s.pos++
	return c, nil
}

// UnreadByte implements io.ByteScanner, for the first byte of a value.
func (s *source) UnreadByte() error {
	if s.undo < 0 {
		return errMisread
	}
	s.pos, s.head, s.unread, s.undo = s.undo, s.undo, 0, -1
	return nil
}

// Read implements io.Reader, within one value.
func (s *source) Read(p []byte) (int, error) {
	s.undo = -1
	if s.unread > 0 {
		n := copy(p, s.wide[len(s.wide)-s.unread:])
		s.unread -= n
		return n, nil
	}
	if s.pos == s.head {
		return 0, errMisread
	}
	n := copy(p, s.b[s.pos:s.head])
	s.pos += n
	return n, nil
}

// next reads all of the next value. It may only be called where a value begins.
func (s *source) next() ([]byte, error) {
	if s.unread > 0 || s.pos != s.head {
		return nil, errMisread
	}
	if s.pos == len(s.b) {
		return nil, io.EOF
	}
	begin := s.pos
	s.pos = skip(s.b, begin)
	s.head, s.undo = s.pos, -1
	return s.b[begin:s.pos], nil
}
