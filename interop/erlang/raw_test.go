package erlang_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// A raw is the end of a connection to a peer on the BEAM, below the level of a node: it says when which bytes are sent.
type raw struct {
	t          *testing.T
	conn       net.Conn
	send, recv *channel.CipherState
}

// dialRaw makes a handshake with b as its initiator. What follow returns is sent in the same write as message 3; follow may be
// nil.
func dialRaw(t *testing.T, b *beam, keys identity.KeyPair, follow func(r *raw) []byte) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	state, err := handshake.New(handshake.Config{
		Role: handshake.Initiator, Dialect: handshake.BEAM, Static: keys, Expect: b.keys.PublicKey(),
		Trusted: func(identity.PublicKey) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{t: t, conn: conn}
	for {
		write, size := state.Next()
		if !write {
			body := make([]byte, size)
			if err := frame.ReadExact(conn, body); err != nil {
				t.Fatal(err)
			}
			if err := state.Read(body); err != nil {
				t.Fatal(err)
			}
			continue
		}
		body, err := state.Write(nil)
		if err != nil {
			t.Fatal(err)
		}
		bytes := frame.Append(nil, body)
		if state.Done() {
			result := state.Result()
			r.send, r.recv = channel.NewCipherState(result.SendKey()), channel.NewCipherState(result.RecvKey())
			if follow != nil {
				bytes = append(bytes, follow(r)...)
			}
		}
		r.write(bytes)
		if state.Done() {
			return r
		}
	}
}

func (r *raw) write(bytes []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(bytes); err != nil {
		r.t.Fatal(err)
	}
}

// seal returns the frame of a message.
func (r *raw) seal(plain []byte) []byte {
	r.t.Helper()
	body, err := r.send.Seal(nil, plain)
	if err != nil {
		r.t.Fatal(err)
	}
	return frame.Append(nil, body)
}

// read returns the next message, or why there is none.
func (r *raw) read() ([]byte, error) {
	header := make([]byte, frame.HeaderSize)
	if _, err := io.ReadFull(r.conn, header); err != nil {
		return nil, err
	}
	n, err := frame.Length(header, frame.DefaultLimit)
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r.conn, body); err != nil {
		return nil, err
	}
	return r.recv.Open(nil, body)
}

// etfPing and etfPong are {ping, <<Nonce>>} and {pong, <<Nonce>>}, as OTP 25 encodes them.
func etfPing(nonce byte) []byte {
	return []byte("\x83h\x02d\x00\x04pingm\x00\x00\x00\x01" + string([]byte{nonce}))
}
func etfPong(nonce byte) []byte {
	return []byte("\x83h\x02d\x00\x04pongm\x00\x00\x00\x01" + string([]byte{nonce}))
}
