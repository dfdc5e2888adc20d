package envelope

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// errMisread reports bytes read in another way than the value that they belong to calls for.
var errMisread = errors.New("bytes of one value read as another")

// A source is what the library reads guarded bytes from. It follows where each value begins and so mends two things.
//
// The library takes an extension where it wants a map for a wrapper around one, and reads the map's header out of the
// extension's data. Eight bytes of a timestamp can thus ask for a map of 2^30 entries, which ends the process. A source
// gives the data of an extension to whoever reads it in one piece, as data, and never byte by byte.
//
// The library decodes an integer into any as the Go type of its width on the wire. A source shows every integer 64 bits
// wide, so that it comes out as int64 (uint64 above that), however the sender wrote it.
type source struct {
	b    []byte
	pos  int // the next byte to be read
	head int // where the next value, or the first within the array or map just begun, begins
	// header is where the first byte, length and type of the last value end: up to there, bytes may be read one by one.
	header int
	undo   int // where the last byte read is the first of a value: its place. Otherwise -1
	// wide holds the 8 bytes of an integer, of which the last unread were not read yet.
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
		s.head, _, _ = form(s.b, s.pos)
		s.header = s.head
	case fixedSize[c] != 0:
		s.head = s.pos + int(fixedSize[c])
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

// next reads all of the next value. It is for methods that are called where one begins.
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
