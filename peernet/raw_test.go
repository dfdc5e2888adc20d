package peernet_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A rawPeer speaks the protocol by hand, as an initiator that a node trusts.
type rawPeer struct {
	*kit.RawPeer
	tb testing.TB
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
	return &rawPeer{kit.NewRawPeer(tb, conn, handshake.Initiator, keys, n.PublicKey()).Handshake(), tb}
}

// write sends one envelope.
func (p *rawPeer) write(plain []byte) {
	p.tb.Helper()
	p.Write(p.Frames(plain))
}

// read returns the next envelope; false: the connection has ended.
func (p *rawPeer) read() (e envelope.Envelope, ok bool) {
	p.tb.Helper()
	plain, err := p.Read()
	if err != nil {
		return e, false
	}
	if err := envelope.Msgpack.Parse(plain, &e); err != nil {
		p.tb.Fatal(err)
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
		e, ok := p.read()
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
		p.write(envelope.AppendHello(nil, envelope.Hello{Version: 1}))
		p.Write([]byte{0, 0x10, 0, 0})
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
		p.write(append([]byte{0x95, 0x00, id + 1, 0xa4, 'k', 'e', 'e', 'p', 0xc0}, options...))
		<-running
	}
	if grown := (settledMemory() - before) / (1 << 20); grown > 16 {
		t.Errorf("%d calls with arguments of one byte hold %.0f MiB", calls, grown)
	}
	close(release)
}

// TestEachPeerLearnsAnotherBoot: the boot that one peer learns must not help it to pose as this process towards another.
func TestEachPeerLearnsAnotherBoot(t *testing.T) {
	n := startNode(t, peernet.Config{})
	seen := make(map[[8]byte]identity.PublicKey)
	for range 3 {
		keys, err := identity.GenerateKeyPair(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Pair(keys.PublicKey(), ""); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			e, _ := dialRaw(t, keys, n).read()
			hello, err := envelope.ParseHello(e.Args)
			if err != nil || !hello.HasBoot {
				t.Fatalf("hello %+v, %v", hello, err)
			}
			if other, ok := seen[hello.Boot]; ok && other != keys.PublicKey() {
				t.Error("two peers learn the same boot")
			}
			seen[hello.Boot] = keys.PublicKey()
		}
	}
	if len(seen) != 3 {
		t.Errorf("3 peers learn %d boots", len(seen))
	}
}

func TestCallersNameIsReadWhenAsked(t *testing.T) {
	n := startNode(t, peernet.Config{})
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Pair(keys.PublicKey(), "late"); err != nil {
		t.Fatal(err)
	}
	names, ask := make(chan string), make(chan struct{})
	handle(t, n, "who", func(_ context.Context, r *peernet.Request) (any, error) {
		names <- r.Caller().Name
		<-ask
		names <- r.Caller().Name
		return nil, nil
	})
	p := dialRaw(t, keys, n)
	p.write([]byte{0x94, 0x00, 0x01, 0xa3, 'w', 'h', 'o', 0xc0})
	if name := <-names; name != "" {
		t.Errorf("before the hello the name is %q", name)
	}
	p.write(envelope.AppendHello(nil, envelope.Hello{Version: 1, Name: "judy"}))
	p.write([]byte{0x92, 0x03, 0xc4, 0x01, 0x00}) // a ping: its pong tells that the hello was read
	for e, ok := p.read(); ok && e.Kind != envelope.KindPong; e, ok = p.read() {
	}
	close(ask)
	if name := <-names; name != "judy" {
		t.Errorf("after the hello the name is %q", name)
	}
}
