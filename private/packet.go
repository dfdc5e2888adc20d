package private

import "errors"

// Sizes of a private announce in bytes: wire.md §8.3. A datagram of any other length is not a private announce.
const (
	NonceSize = 16
	TagSize   = 8
	EntrySize = TagSize + 2

	// EntriesPerPacket is how many entries an announce has, real and random ones together.
	EntriesPerPacket = 16

	PacketSize = nonceAt + NonceSize + EntriesPerPacket*EntrySize
)

// The fields of a private announce with one possible value.
const (
	packetMagic   = "PNEP"
	packetVersion = 1
)

// Where the fields of a private announce begin.
const (
	versionAt = len(packetMagic)
	nonceAt   = versionAt + 1
	entriesAt = nonceAt + NonceSize
)

// Reasons to drop a private announce.
var (
	ErrSize    = errors.New("not a private announce: it has another length")
	ErrMagic   = errors.New("not a private announce: it does not begin with PNEP")
	ErrVersion = errors.New("private announce of another version")
	ErrNobody  = errors.New("private announce of a node that is not paired with this one, or a clock is wrong by minutes")
	ErrPort    = errors.New("private announce of port 0")
)

// A Packet is the bytes of one private announce: wire.md §8.3. To any other node they are random.
type Packet [PacketSize]byte

// An Entry is for one peer, or random. It is a tag that the peer recognises, then the hidden port.
type Entry [EntrySize]byte

// ParsePacket reads the payload of one datagram. It keeps nothing of b and allocates nothing. It fails with [ErrSize],
// [ErrMagic] or [ErrVersion].
func ParsePacket(b []byte) (Packet, error) {
	switch {
	case len(b) != PacketSize:
		return Packet{}, ErrSize
	case string(b[:versionAt]) != packetMagic:
		return Packet{}, ErrMagic
	case b[versionAt] != packetVersion:
		return Packet{}, ErrVersion
	}
	return Packet(b), nil
}

// Nonce returns the random bytes that the tags of p are made with.
func (p *Packet) Nonce() [NonceSize]byte { return [NonceSize]byte(p[nonceAt:]) }

// Entry returns the entry i of p, from 0 on.
func (p *Packet) Entry(i int) *Entry { return (*Entry)(p[entriesAt+i*EntrySize:]) }
