package udp

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// AnnounceSize is the length of an announce in bytes: a datagram of any other length is not one.
const AnnounceSize = 4 + 1 + 2 + identity.PublicKeySize

// The fields of an announce with one possible value: wire.md §8.1. That of an offer has another magic (§8.4).
const (
	announceMagic   = "PNET"
	offerMagic      = "PNEO"
	announceVersion = 1
)

// Reasons to refuse an announce, beside those of [identity.NewPublicKey].
var (
	ErrSize    = errors.New("not an announce: it has another length")
	ErrMagic   = errors.New("not an announce: it does not begin with PNET")
	ErrVersion = errors.New("announce of another version")
	ErrPort    = errors.New("announce of port 0")
)

// An Announce is what a node says of itself in one datagram: that it is there, and listens on this TCP port of the
// address that the datagram comes from. Nothing in it is authenticated.
type Announce struct {
	Port uint16 // not 0
	Key  identity.PublicKey
}

// Append appends the 39 bytes of a to b: wire.md §8.1. It does not look whether the other side would accept them.
func (a Announce) Append(b []byte) []byte { return a.appendAs(announceMagic, b) }

// appendAs appends what both kinds of announce begin with.
func (a Announce) appendAs(magic string, b []byte) []byte {
	b = append(b, magic...)
	b = append(b, announceVersion)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	return append(b, a.Key[:]...)
}

// ParseAnnounce reads the payload of one datagram: wire.md §8.1. It keeps nothing of b. It fails with [ErrSize],
// [ErrMagic], [ErrVersion], [ErrPort] or, as the key is checked last, an error of [identity.NewPublicKey]. Until then it
// allocates nothing.
func ParseAnnounce(b []byte) (Announce, error) { return parseAs(announceMagic, b, AnnounceSize) }

// parseAs reads what both kinds of announce begin with.
func parseAs(magic string, b []byte, size int) (Announce, error) {
	fields, ok := bytes.CutPrefix(b, []byte(magic))
	switch {
	case len(b) != size:
		return Announce{}, ErrSize
	case !ok:
		return Announce{}, ErrMagic
	case fields[0] != announceVersion:
		return Announce{}, ErrVersion
	}
	port := binary.BigEndian.Uint16(fields[1:])
	if port == 0 {
		return Announce{}, ErrPort
	}
	key, err := identity.NewPublicKey(fields[3 : 3+identity.PublicKeySize])
	if err != nil {
		return Announce{}, err
	}
	return Announce{Port: port, Key: key}, nil
}
