package handshake

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A Dialect is one of the two ways in which nodes speak (wire.md §13). It decides the transcript and the form of the
// handshake messages here, and the form of the envelopes after the handshake.
type Dialect uint8

const (
	Native Dialect = iota // Noise as it is specified, and MessagePack
	BEAM                  // PeerNet on Elixir: another transcript, and External Term Format
)

// Lengths of the handshake messages of the BEAM dialect in bytes, without the frame's header (wire.md §13.1).
const (
	BEAMMessage1Size = binaryHeader + Message1Size
	BEAMMessage2Size = binaryHeader + Message2Size
	BEAMMessage3Size = binaryHeader + Message3Size

	MaxMessageSize = BEAMMessage2Size // of all messages, in either dialect
)

// ErrBinary says that a message of the BEAM dialect is not one binary of External Term Format.
var ErrBinary = errors.New("handshake: the message is not a binary of External Term Format")

// ErrDialect says that a name is that of no dialect.
var ErrDialect = errors.New("handshake: a dialect is native or beam")

// String returns "native" or "beam".
func (d Dialect) String() string {
	switch d {
	case Native:
		return "native"
	case BEAM:
		return "beam"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// ParseDialect returns the dialect of which String returns s; otherwise ErrDialect.
func ParseDialect(s string) (Dialect, error) {
	for _, d := range []Dialect{Native, BEAM} {
		if s == d.String() {
			return d, nil
		}
	}
	return 0, ErrDialect
}

// DialectOf returns the dialect of an initiator whose first frame's header announces size bytes. ok is false if no
// initiator of either dialect sends that size.
func DialectOf(size int) (d Dialect, ok bool) {
	switch size {
	case Message1Size, PrivateMessage1Size:
		return Native, true
	case BEAMMessage1Size:
		return BEAM, true
	}
	return 0, false
}

// binaryHeader is the bytes that stand before a handshake message of the BEAM dialect: the version of External Term
// Format, the tag of a binary, and the binary's length in four bytes.
const binaryHeader = 6

// First bytes of a term that is a binary.
const (
	etfVersion = 131
	etfBinary  = 109
)

// appendBinaryHeader appends what stands before a message of size bytes.
func appendBinaryHeader(b []byte, size int) []byte {
	return binary.BigEndian.AppendUint32(append(b, etfVersion, etfBinary), uint32(size))
}

// cutBinaryHeader returns what follows the header in body, which is longer than it. ok is false if body is not one
// binary.
func cutBinaryHeader(body []byte) (message []byte, ok bool) {
	message = body[binaryHeader:]
	ok = body[0] == etfVersion && body[1] == etfBinary && binary.BigEndian.Uint32(body[2:]) == uint32(len(message))
	return message, ok
}
