package peernet_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Frames of a handshake, with their headers (wire.md §4).
const (
	message1Frame = frame.HeaderSize + handshake.Message1Size
	message2Frame = frame.HeaderSize + handshake.Message2Size

	// refusalFrame is all that follows for a stranger who proves a key (wire.md §A.6).
	refusalFrame = 39
)

// A junk is something that strangers do to a listening node.
type junk struct {
	name string

	// say does it, on a connection that is the caller's to read from and to close afterwards.
	say func(stranger, net.Conn) error

	// leaves says that it closes at once, without waiting for an answer.
	leaves bool

	// hears is how many bytes the node may answer in all, those that say reads included.
	hears int
}

// A stranger is what junk is made with.
type stranger struct {
	target   identity.PublicKey
	keys     identity.KeyPair
	message1 []byte // with its header; anybody can record one and send it again
}

func newStranger(target identity.PublicKey) (s stranger, err error) {
	s.target = target
	if s.keys, err = identity.GenerateKeyPair(nil); err != nil {
		return s, err
	}
	state, err := s.initiator()
	if err != nil {
		return s, err
	}
	s.message1, err = state.Write(frame.AppendHeader(nil, handshake.Message1Size))
	return s, err
}

func (s stranger) initiator() (*handshake.State, error) {
	return handshake.New(handshake.Config{Role: handshake.Initiator, Static: s.keys, Expect: s.target,
		Trusted: func(identity.PublicKey) bool { return true }})
}

// junks are the ways in which strangers waste a node's time, in the order in which they are taken.
var junks = []junk{
	{name: "silence", say: func(stranger, net.Conn) error { return nil }},
	{name: "random bytes", say: sayRandom},
	{name: "message 1 and silence", say: stranger.sayMessage1, hears: message2Frame},
	{name: "a huge length", say: sayHuge},
	{name: "nothing, and gone", say: func(stranger, net.Conn) error { return nil }, leaves: true},
	{name: "message 1, and half of message 3", say: stranger.sayHalfMessage3, hears: message2Frame},
	{name: "half of message 1", say: stranger.sayHalfMessage1},
	{name: "message 1, and a wrong message 3", say: stranger.sayWrongMessage3, hears: message2Frame},
	{name: "message 1, and gone", say: stranger.sayMessage1, leaves: true, hears: message2Frame},
	{name: "a handshake with a key that nobody trusts", say: stranger.sayEverything, hears: message2Frame + refusalFrame},
}

func sayRandom(_ stranger, c net.Conn) error {
	b := make([]byte, 1+rand.IntN(512))
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	b[0] |= 1 // or it might be the length of a message 1
	_, err := c.Write(b)
	return err
}

func sayHuge(_ stranger, c net.Conn) error {
	lengths := [...]uint32{handshake.Message1Size + 1, frame.DefaultLimit, 1<<31 - 1, 1<<32 - 1}
	b := binary.BigEndian.AppendUint32(nil, lengths[rand.IntN(len(lengths))])
	_, err := c.Write(append(b, make([]byte, 1024)...))
	return err
}

func (s stranger) sayHalfMessage1(c net.Conn) error {
	_, err := c.Write(s.message1[:message1Frame/2])
	return err
}

func (s stranger) sayMessage1(c net.Conn) error {
	_, err := c.Write(s.message1)
	return err
}

func (s stranger) sayHalfMessage3(c net.Conn) error {
	return s.sayMessage3(c, make([]byte, handshake.Message3Size/2))
}

func (s stranger) sayWrongMessage3(c net.Conn) error {
	return s.sayMessage3(c, bytes.Repeat([]byte{1}, handshake.Message3Size))
}

// sayMessage3 sends message 1, hears message 2, and sends a body that is no message 3 under the header of one.
func (s stranger) sayMessage3(c net.Conn, body []byte) error {
	if err := s.sayMessage1(c); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, make([]byte, message2Frame)); err != nil {
		return err
	}
	_, err := c.Write(append(frame.AppendHeader(nil, handshake.Message3Size), body...))
	return err
}

// sayEverything does a whole handshake.
func (s stranger) sayEverything(c net.Conn) error {
	state, err := s.initiator()
	if err != nil {
		return err
	}
	var in [handshake.Message2Size]byte
	for !state.Done() {
		write, size := state.Next()
		if write {
			b, err := state.Write(frame.AppendHeader(nil, size))
			if err != nil {
				return err
			}
			if _, err := c.Write(b); err != nil {
				return err
			}
			continue
		}
		if err := frame.ReadExact(c, in[:size]); err != nil {
			return err
		}
		if err := state.Read(in[:size]); err != nil {
			return err
		}
	}
	return nil
}
