package envelope

import (
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// A Shared is one value for peers of several dialects. Each codec encodes it once, when it is first asked, and the bytes serve
// all peers of that dialect. So what one codec cannot encode concerns only the peers that speak it.
//
// It is safe for concurrent use if the value does not change until the codecs that are used have encoded it. A Shared may be a
// part of what is encoded.
type Shared struct {
	value any

	mu   sync.Mutex // guards the rest
	raws []sharedRaw
}

// A sharedRaw is what one codec makes of a value.
type sharedRaw struct {
	codec Codec
	raw   Raw
	err   error
}

// NewShared returns v as a Shared. Nothing is encoded yet.
func NewShared(v any) *Shared { return &Shared{value: v} }

// Value returns the value as it was given.
func (s *Shared) Value() any { return s.value }

// For returns the value, encoded by c. The error is that of RawOf.
func (s *Shared) For(c Codec) (Raw, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.raws {
		if f.codec == c {
			return f.raw, f.err
		}
	}
	f := sharedRaw{codec: c}
	if r, ok := s.value.(Raw); ok && r.codec == c {
		f.raw = r // the guard checks it where it is sent
	} else {
		f.raw, f.err = RawOf(c, s.value)
	}
	s.raws = append(s.raws, f)
	return f.raw, f.err
}

// EncodeMsgpack implements msgpack.CustomEncoder, so that a Shared may be part of what is encoded.
func (s *Shared) EncodeMsgpack(enc *msgpack.Encoder) error {
	r, err := s.For(Msgpack)
	if err != nil {
		return err
	}
	return r.EncodeMsgpack(enc)
}
