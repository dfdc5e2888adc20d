package kit

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A RawPeer is one end of a connection in the hands of a test, which decides about every byte that it sends and when it
// reads. It trusts everybody. What goes wrong fails the test.
type RawPeer struct {
	Conn       net.Conn
	Noise      *handshake.State
	Send, Recv *channel.CipherState // nil until the handshake is done

	t testing.TB
}

// NewRawPeer returns the end of conn that has this role and these keys. An initiator expects the given key.
func NewRawPeer(t testing.TB, conn net.Conn, role handshake.Role, keys identity.KeyPair, expect identity.PublicKey) *RawPeer {
	t.Helper()
	p := &RawPeer{Conn: conn, t: t}
	p.Begin(role, keys, expect)
	return p
}

// Begin makes the handshake that the peer will do, in place of one that it has not begun.
func (p *RawPeer) Begin(role handshake.Role, keys identity.KeyPair, expect identity.PublicKey) {
	p.t.Helper()
	c := handshake.Config{Role: role, Static: keys, Rand: rand.Reader, Trusted: func(identity.PublicKey) bool { return true }}
	if role == handshake.Initiator {
		c.Expect = expect
	}
	p.begin(c)
}

// BeginAsGuest is Begin for an initiator that comes as a guest.
func (p *RawPeer) BeginAsGuest(keys identity.KeyPair) {
	p.t.Helper()
	p.begin(handshake.Config{Static: keys, Rand: rand.Reader, Guest: true})
}

func (p *RawPeer) begin(c handshake.Config) {
	p.t.Helper()
	var err error
	if p.Noise, err = handshake.New(c); err != nil {
		p.t.Fatal(err)
	}
}

// Message returns the frame of the handshake message that is due to be written.
func (p *RawPeer) Message() []byte {
	p.t.Helper()
	_, size := p.Noise.Next()
	b, err := p.Noise.Write(frame.AppendHeader(nil, size))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// ReadMessage reads the handshake message that is due.
func (p *RawPeer) ReadMessage() {
	p.t.Helper()
	_, size := p.Noise.Next()
	b := make([]byte, size)
	if err := frame.ReadExact(p.Conn, b); err != nil {
		p.t.Fatalf("reading a handshake message: %v", err)
	}
	if err := p.Noise.Read(b); err != nil {
		p.t.Fatal(err)
	}
}

// Step writes or reads the handshake message that is due.
func (p *RawPeer) Step() {
	p.t.Helper()
	if write, _ := p.Noise.Next(); write {
		p.Write(p.Message())
	} else {
		p.ReadMessage()
	}
}

// Handshake does the handshake, or the rest of it.
func (p *RawPeer) Handshake() *RawPeer {
	p.t.Helper()
	for !p.Noise.Done() {
		p.Step()
	}
	p.TakeKeys()
	return p
}

// TakeKeys takes the keys of a handshake that is done.
func (p *RawPeer) TakeKeys() {
	p.Send = channel.NewCipherState(p.Noise.Result().SendKey())
	p.Recv = channel.NewCipherState(p.Noise.Result().RecvKey())
}

// Write writes bytes as they are.
func (p *RawPeer) Write(b []byte) {
	p.t.Helper()
	if _, err := p.Conn.Write(b); err != nil {
		p.t.Fatalf("writing: %v", err)
	}
}

// Frames returns each plaintext sealed, in a frame.
func (p *RawPeer) Frames(plain ...[]byte) []byte {
	p.t.Helper()
	var out []byte
	for _, b := range plain {
		out = frame.AppendHeader(out, len(b)+channel.Overhead)
		var err error
		if out, err = p.Send.Seal(out, b); err != nil {
			p.t.Fatal(err)
		}
	}
	return out
}

// errCut is wrapped by Read's error if the connection has ended inside a frame.
var errCut = errors.New("a frame is cut off")

// Read returns the plaintext of the next frame. The error is that of the connection.
func (p *RawPeer) Read() ([]byte, error) {
	p.t.Helper()
	var header [frame.HeaderSize]byte
	if _, err := io.ReadFull(p.Conn, header[:]); err != nil {
		return nil, err
	}
	if p.Recv == nil {
		p.t.Fatal("a frame has come before the handshake is done")
	}
	body := make([]byte, binary.BigEndian.Uint32(header[:]))
	if _, err := io.ReadFull(p.Conn, body); err != nil {
		return nil, fmt.Errorf("%w: %w", errCut, err)
	}
	plain, err := p.Recv.Open(nil, body)
	if err != nil {
		p.t.Fatalf("opening a frame of %d bytes: %v", len(body), err)
	}
	return plain, nil
}

// Next is Read for a connection that ends between two frames.
func (p *RawPeer) Next() ([]byte, error) {
	p.t.Helper()
	plain, err := p.Read()
	if errors.Is(err, errCut) {
		p.t.Fatal(err)
	}
	return plain, err
}
