package handshake

import "github.com/seed-f6ddb928/peernet-go/identity"

// A Result is the result of a handshake: the peer, and the keys to talk to it. It may be copied. No way of printing,
// logging or encoding it shows the keys.
type Result struct {
	Remote identity.PublicKey // the peer's static key, proved
	Guest  bool               // the initiator is a guest of the responder: nobody has asked for trust
	Hash   [32]byte           // the handshake hash (h of Noise §5.2), equal at both ends and unique to this session
	keys   secret[*keys]
}

// keys are the transport keys as this end uses them.
type keys struct{ send, recv [32]byte }

// SendKey returns the key of the cipher state that seals what this end sends (wire.md §5).
func (r Result) SendKey() [32]byte { return r.keys().send }

// RecvKey returns the key of the cipher state that opens what this end receives (wire.md §5).
func (r Result) RecvKey() [32]byte { return r.keys().recv }

// Erase overwrites the keys, of all copies of the result, once cipher states are made of them.
func (r Result) Erase() {
	if r.keys != nil {
		*r.keys() = keys{}
	}
}

// A secret hides a value from printers. Methods such as Format do not suffice: fmt does not call them for an unexported
// field, but prints all the bytes that it can reach through it. Of a function it prints the address.
type secret[T any] func() T

func hide[T any](v T) secret[T] { return func() T { return v } }
