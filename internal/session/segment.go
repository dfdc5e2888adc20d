package session

import (
	"encoding/binary"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
)

// A segment is what the writer seals in one go: envelopes, each behind its length as 4 bytes, or one part of an envelope.
type segment struct {
	*buffer        // of a part, it holds the whole envelope; nil: the part abandons its chain
	frames  int    // 1 for a part
	alone   bool   // one large envelope, queued by reference
	flow    *flow  // whose turn it was; nil: it is of the urgent lane
	ends    bool   // nothing more of the buffer follows: it goes back when this is written
	chain   uint64 // of a part; 0: the segment is whole envelopes
	from    int    // of a part: its bytes are b[from:to]
	to      int
	isFirst bool // of a part
	isLast  bool // of a part

	calls    int // bytes of the urgent lane that are calls
	refusals int // frames that refuse a call
}

// size returns the bytes of plaintext, about.
func (s *segment) size() int {
	switch {
	case s.chain == 0:
		return len(s.b)
	case s.buffer == nil:
		return frame.HeaderSize + envelope.MaxPartHead
	}
	return frame.HeaderSize + envelope.MaxPartHead + s.to - s.from
}

// seal appends each envelope of the segment as a sealed frame (wire.md §5).
func (s *segment) seal(out []byte, send *channel.CipherState) ([]byte, error) {
	if s.chain == 0 {
		return sealAll(out, s.b, send)
	}
	if s.buffer != nil && !s.isFirst {
		// The bytes before these have been sealed: what stands before a part takes their place, so that nothing is copied.
		var room [envelope.MaxPartHead]byte
		head := envelope.AppendPartHead(room[:0], s.chain, s.to-s.from, s.isLast)
		begin := s.from - copy(s.b[s.from-len(head):], head)
		return sealOne(out, s.b[begin:s.to], send)
	}
	p := envelope.Part{Chain: s.chain, Last: s.isLast}
	if s.isFirst {
		p.Bytes, p.Total = s.b[s.from:s.to], len(s.b)-frame.HeaderSize
	}
	plain := newBuffer(s.size() + 8) // the total stands behind the bytes
	defer plain.release()
	plain.b = envelope.AppendPart(plain.b, p)
	return sealOne(out, plain.b, send)
}

func sealAll(out, segment []byte, send *channel.CipherState) (_ []byte, err error) {
	for len(segment) > 0 && err == nil {
		end := frame.HeaderSize + int(binary.BigEndian.Uint32(segment))
		out, err = sealOne(out, segment[frame.HeaderSize:end], send)
		segment = segment[end:]
	}
	return out, err
}

// sealOne appends one envelope as a sealed frame. out may end where the envelope's length begins.
func sealOne(out, plain []byte, send *channel.CipherState) ([]byte, error) {
	return send.Seal(frame.AppendHeader(out, len(plain)+channel.Overhead), plain)
}
