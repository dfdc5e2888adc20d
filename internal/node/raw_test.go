package node

import (
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A raw peer is an initiator that says exactly what its test wants.
type raw struct {
	w    *world
	conn net.Conn
	send *channel.CipherState
	recv *channel.CipherState
}

// raw connects to a node with the given keys, and does the handshake.
func (w *world) raw(to *testNode, keys identity.KeyPair) *raw {
	w.Helper()
	host := w.node("raw").host
	c, err := host.Dial(w.Context(), "tcp", to.addr.String())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	s, err := handshake.New(handshake.Config{Role: handshake.Initiator, Static: keys, Expect: to.key,
		Trusted: func(identity.PublicKey) bool { return true }})
	if err != nil {
		w.Fatal(err)
	}
	for !s.Done() {
		write, size := s.Next()
		if write {
			b, err := s.Write(frame.AppendHeader(nil, size))
			if err == nil {
				_, err = c.Write(b)
			}
			if err != nil {
				w.Fatal(err)
			}
			continue
		}
		b := make([]byte, size)
		if err = frame.ReadExact(c, b); err == nil {
			err = s.Read(b)
		}
		if err != nil {
			w.Fatal(err)
		}
	}
	r := s.Result()
	return &raw{w: w, conn: c, send: channel.NewCipherState(r.SendKey()), recv: channel.NewCipherState(r.RecvKey())}
}

// write sends one envelope.
func (r *raw) write(plain []byte) {
	r.w.Helper()
	sealed, err := r.send.Seal(nil, plain)
	if err == nil {
		_, err = r.conn.Write(frame.Append(nil, sealed))
	}
	if err != nil {
		r.w.Fatal(err)
	}
}

// expectBye reads until the stream ends, and wants the last envelope to be a bye with this code.
func (r *raw) expectBye(want envelope.Reason) {
	r.w.Helper()
	var last envelope.Envelope
	for {
		var header [frame.HeaderSize]byte
		if _, err := io.ReadFull(r.conn, header[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			r.w.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint32(header[:]))
		if _, err := io.ReadFull(r.conn, body); err != nil {
			r.w.Fatal(err)
		}
		plain, err := r.recv.Open(nil, body)
		if err == nil {
			last = envelope.Envelope{}
			err = envelope.Msgpack.Parse(plain, &last)
		}
		if err != nil {
			r.w.Fatal(err)
		}
	}
	bye, err := envelope.ParseBye(last.Args)
	if string(last.Name) != envelope.NameBye || err != nil || bye.Code != want {
		r.w.Errorf("the last word was %q %+v, %v; want a bye, %q", last.Name, bye, err, want)
	}
	_ = r.conn.Close()
}
