package peernet_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// hostileGrowth is how much more memory may be reachable while a hostile peer has all that its limits give, in bytes.
const hostileGrowth = 16 << 20

// A hostility is what a trusted peer does to a node.
type hostility struct {
	name string
	say  func(say func(plain ...[]byte)) // each call is one write
	deaf bool                            // it does not read
	ends bool                            // it violates the protocol

	// check, if not nil, looks at what the node has said to it.
	check func(*besieged)
}

// TestHostilePeersHarmNoOther has a trusted peer do its worst, with limits of 8 calls and 8 sends. Meanwhile and afterwards
// another peer is served in no time, memory stays bounded, and the session lives unless the protocol was broken.
func TestHostilePeersHarmNoOther(t *testing.T) {
	for _, h := range hostilities {
		t.Run(h.name, func(t *testing.T) {
			inHistories(t, func(t *testing.T, system *actor.ActorSystem) { newBesieged(t, system).endure(h) })
		})
	}
}

// A besieged is a node between a neighbour and a hostile peer. The test plays the hostile one.
type besieged struct {
	*testing.T
	node, neighbour *peernet.Node
	key             identity.PublicKey // the hostile peer's
	peer            *rawPeer
	open            chan struct{} // closed when the handlers of sends may return
	join            sync.WaitGroup
	saying          sync.Mutex // held while writing

	mu      sync.Mutex // guards the rest: what the node has said
	replies map[envelope.CallID][]*envelope.RemoteError
	pongs   int
	bye     envelope.Reason
}

// newBesieged connects all three. When the test is over nothing may be left.
func newBesieged(t *testing.T, system *actor.ActorSystem) *besieged {
	b := &besieged{T: t, open: make(chan struct{}), replies: make(map[envelope.CallID][]*envelope.RemoteError)}
	before, goroutines := goleak.IgnoreCurrent(), runtime.NumGoroutine()
	network, random := memnet.New(1), rand.NewChaCha8([32]byte{})
	config := peernet.Config{System: system, Clock: laterClock{}, Rand: random,
		Limits: peernet.Limits{CallsPerPeer: 8, CallBytesPerPeer: 1 << 20, SendsPerPeer: 8, SendBytesPerPeer: 1 << 20, QueueBytes: 1 << 20}}
	at := func(last byte) (*memnet.Host, string) {
		ip := netip.AddrFrom4([4]byte{10, 0, 0, last})
		return network.Host(ip), netip.AddrPortFrom(ip, 7100).String()
	}
	start := func(last byte) *peernet.Node {
		host, addr := at(last)
		c := config
		c.Listen, c.Network = addr, peernet.Network{Listen: host.Listen, Dial: host.Dial, ListenPacket: host.ListenPacket,
			Interfaces: (&side{host: host}).interfaces}
		return startNode(t, c)
	}
	t.Cleanup(func() { // after the nodes' own
		time.Sleep(time.Second)
		synctest.Wait()
		if s := network.Stats(); s.Conns != 0 {
			t.Errorf("left open: %+v", s)
		}
		if runtime.NumGoroutine() != goroutines {
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
		}
	})
	b.node, b.neighbour = start(1), start(2)
	keys, err := identity.GenerateKeyPair(random)
	if err != nil {
		t.Fatal(err)
	}
	b.key = keys.PublicKey()
	pair(t, b.node, b.neighbour)
	if err := b.node.Pair(b.key, "hostile"); err != nil {
		t.Fatal(err)
	}
	b.handle()
	connect(t, b.neighbour, b.node)
	host, _ := at(3)
	conn, err := host.Dial(t.Context(), "tcp", b.node.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	b.peer = shakeRaw(t, keys, b.node, conn)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the nodes'
		_ = conn.Close()
		close(b.open)
		b.join.Wait()
	})
	b.say(envelope.AppendHello(nil, envelope.Hello{Version: 1}))
	return b
}

// endure has the hostile peer do what it does.
func (b *besieged) endure(h hostility) {
	before := live()
	if !h.deaf {
		b.join.Go(b.listen)
	}
	b.join.Go(func() { h.say(b.say) })
	b.neighbourIsServed("meanwhile")
	synctest.Wait()
	b.neighbourIsServed("afterwards")
	if grown := live() - before; grown > hostileGrowth {
		b.Errorf("%.1f MiB more are reachable, at most %.0f are right", mib(grown), mib(hostileGrowth))
	}
	b.mu.Lock()
	if h.check != nil {
		h.check(b)
	}
	pongs, bye := b.pongs, b.bye
	b.mu.Unlock()
	switch {
	case h.deaf:
		time.Sleep(2 * time.Minute) // until a write that makes no progress is given up
		if info, _ := b.node.Peer(b.key); info.State == peernet.StateConnected {
			b.Error("a peer that does not read is connected for ever")
		}
	case h.ends:
		if bye != envelope.ReasonProtocol {
			b.Errorf("the node says bye for %q, want %q", bye, envelope.ReasonProtocol)
		}
	default:
		b.say(envelope.Msgpack.AppendPing(nil, []byte("last")))
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.bye != "" || b.pongs == pongs {
			b.Errorf("the session has not survived: bye %q, %d pongs more", b.bye, b.pongs-pongs)
		}
	}
}

// neighbourIsServed has the other peer make calls. None of them waits for anything that takes time.
func (b *besieged) neighbourIsServed(when string) {
	b.Helper()
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		start := time.Now()
		got, err := peernet.Call[string](ctx, b.neighbour, b.node.PublicKey(), "echo", "hello")
		if took := time.Since(start); err != nil || got != "hello" || took > 0 {
			b.Fatalf("%s a call of another peer takes %v: %q, %v", when, took, got, err)
		}
		cancel()
	}
}

// listen reads all that the node says.
func (b *besieged) listen() {
	for {
		e, ok := b.peer.read()
		if !ok {
			return
		}
		b.mu.Lock()
		switch {
		case e.Kind == envelope.KindReply:
			b.replies[e.ID] = append(b.replies[e.ID], e.Err)
		case e.Kind == envelope.KindPong:
			b.pongs++
		case e.Kind == envelope.KindSend && string(e.Name) == envelope.NameBye:
			bye, err := envelope.ParseBye(e.Args)
			if err != nil {
				b.Error(err)
			}
			b.bye = bye.Code
		}
		b.mu.Unlock()
	}
}

// say writes envelopes, and does not care whether the node takes them.
func (b *besieged) say(plain ...[]byte) {
	b.saying.Lock()
	defer b.saying.Unlock()
	_, _ = b.peer.Conn.Write(b.peer.Frames(plain...))
}
