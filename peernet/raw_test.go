package peernet_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A rawPeer speaks the protocol by hand, as an initiator that a node trusts.
type rawPeer struct {
	conn       net.Conn
	send, recv *channel.CipherState
}

// dialRaw connects to a node with keys, and completes the handshake.
func dialRaw(tb testing.TB, keys identity.KeyPair, n *peernet.Node) *rawPeer {
	tb.Helper()
	conn, err := net.Dial("tcp", n.Addrs()[0].String())
	if err != nil {
		tb.Fatal(err)
	}
	return shakeRaw(tb, keys, n, conn)
}

// shakeRaw completes the handshake over a connection to a node.
func shakeRaw(tb testing.TB, keys identity.KeyPair, n *peernet.Node, conn net.Conn) *rawPeer {
	tb.Helper()
	tb.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	state, err := handshake.New(handshake.Config{Role: handshake.Initiator, Static: keys, Expect: n.PublicKey(),
		Trusted: func(identity.PublicKey) bool { return true }})
	for err == nil && !state.Done() {
		write, size := state.Next()
		body := make([]byte, size)
		if write {
			if body, err = state.Write(body[:0]); err == nil {
				_, err = conn.Write(frame.Append(nil, body))
			}
		} else if err = frame.ReadExact(conn, body); err == nil {
			err = state.Read(body)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	r := state.Result()
	return &rawPeer{conn, channel.NewCipherState(r.SendKey()), channel.NewCipherState(r.RecvKey())}
}

// write sends one envelope.
func (p *rawPeer) write(tb testing.TB, plain []byte) {
	tb.Helper()
	sealed, err := p.send.Seal(nil, plain)
	if err == nil {
		_, err = p.conn.Write(frame.Append(nil, sealed))
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// read returns the next envelope; false: the connection has ended.
func (p *rawPeer) read(tb testing.TB) (e envelope.Envelope, ok bool) {
	tb.Helper()
	var header [frame.HeaderSize]byte
	if _, err := io.ReadFull(p.conn, header[:]); err != nil {
		return e, false
	}
	size, err := frame.Length(header[:], frame.DefaultLimit)
	if err != nil {
		tb.Fatal(err)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(p.conn, body); err != nil {
		return e, false
	}
	plain, err := p.recv.Open(nil, body)
	if err == nil {
		err = envelope.Msgpack.Parse(plain, &e)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return e, true
}

func TestSessionsOfOnePeerAreBounded(t *testing.T) {
	n := startNode(t, peernet.Config{})
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Pair(keys.PublicKey(), "hostile"); err != nil {
		t.Fatal(err)
	}
	busy := 0
	const least = 4
	const most = 12 // 4 that may stay, 8 that are told to end
	for range least + most {
		p := dialRaw(t, keys, n)
		e, ok := p.read(t)
		if !ok {
			t.Fatal("no word")
		}
		if string(e.Name) == envelope.NameBye {
			bye, err := envelope.ParseBye(e.Args)
			if err != nil || bye.Code != envelope.ReasonBusy {
				t.Fatalf("bye %+v, %v", bye, err)
			}
			busy++
			continue
		}
		// It stays: half a frame, so that nothing that is asked of it is answered.
		p.write(t, envelope.AppendHello(nil, envelope.Hello{Version: 1}))
		if _, err := p.conn.Write([]byte{0, 0x10, 0, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if busy < least {
		t.Errorf("%d of %d sessions were told busy, want at least %d", busy, least+most, least)
	}
}

func TestOptionsOfACallDoNotEscapeItsLimit(t *testing.T) {
	n := startNode(t, peernet.Config{})
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Pair(keys.PublicKey(), "hostile"); err != nil {
		t.Fatal(err)
	}
	const calls = 48
	running, release := make(chan struct{}, calls), make(chan struct{})
	handle(t, n, "keep", func(_ context.Context, r *peernet.Request) (any, error) {
		running <- struct{}{}
		<-release
		return r.Args(), nil
	})
	p := dialRaw(t, keys, n)
	before := settledMemory()
	for id := range byte(calls) {
		options := append([]byte{0x81, 0xa1, 'x', 0xc6, 0, 0x0f, 0, 0}, make([]byte, 0x0f0000)...)
		p.write(t, append([]byte{0x95, 0x00, id + 1, 0xa4, 'k', 'e', 'e', 'p', 0xc0}, options...))
		<-running
	}
	if grown := (settledMemory() - before) / (1 << 20); grown > 16 {
		t.Errorf("%d calls with arguments of one byte hold %.0f MiB", calls, grown)
	}
	close(release)
}
