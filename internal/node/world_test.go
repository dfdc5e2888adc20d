package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/guests"
	"github.com/seed-f6ddb928/peernet-go/internal/listener"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bubble is a synctest bubble with one actor system, in which any number of histories run one after another. A
// seed decides keys, jitter and faults, and so what happens at which time of the bubble; not how goroutines take
// turns.
type bubble struct {
	*testing.T
	*kit.Actors
	worlds []*world // that have not ended
}

// inBubble runs f in a bubble of its own, and checks that f leaves no goroutine.
func inBubble(t *testing.T, f func(*testing.T, *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		b := &bubble{T: t, Actors: kit.NewActors()}
		t.Cleanup(func() { // in the bubble, also after a failure
			for len(b.worlds) > 0 {
				b.worlds[0].end()
			}
			b.Close()
			goleak.VerifyNone(t, before)
		})
		f(t, b)
	})
}

// A world is one history: a network and the nodes on it.
type world struct {
	*bubble
	seed  uint64
	rand  *rand.Rand
	net   *memnet.Network
	nodes []*testNode
	log   *slog.Logger
}

func (b *bubble) world(seed uint64) *world {
	w := &world{bubble: b, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), net: memnet.New(seed), log: slog.New(slog.DiscardHandler)}
	if testing.Verbose() && os.Getenv("NODE_TEST_LOG") != "" {
		w.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	b.worlds = append(b.worlds, w)
	return w
}

// end stops what still runs and checks that the network is empty.
func (w *world) end() {
	w.Helper()
	w.worlds = slices.DeleteFunc(w.worlds, func(o *world) bool { return o == w })
	w.net.HealAll()
	for _, n := range w.nodes {
		if n.Node != nil {
			n.stop(time.Minute)
		}
	}
	time.Sleep(time.Second)
	synctest.Wait()
	if s := w.net.Stats(); s.Conns != 0 || s.Listeners != 0 {
		w.Errorf("seed %d: left open: %+v", w.seed, s)
	}
}

// A testNode is a node of a world, and all that it said.
type testNode struct {
	*Node     // nil: not started
	w         *world
	name      string
	keys      identity.KeyPair
	key       identity.PublicKey
	host      *memnet.Host
	addr      netip.AddrPort
	trust     *trust.Set
	unwatch   func()
	manual    *manual.Provider
	directory *peers.Directory
	counters  counters.Node
	dialled   atomic.Int64 // how often it has dialled
	prologue  string
	slow      time.Duration          // how long the node's owner takes with each event
	asked     atomic.Pointer[func()] // called before the table or a peer asks whether a key is trusted; nil: nothing is
	session   *session.Config        // of every session
	adjust    func(*Config)          // called before a start; nil: nothing is

	mu        sync.Mutex // guards the rest
	events    []any
	connected map[identity.PublicKey]bool
	answerers []*answerer
}

// node makes a node that is not started.
func (w *world) node(name string) *testNode {
	w.Helper()
	ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(len(w.nodes) + 1)})
	return w.nodeAt(name, w.net.Host(ip), netip.AddrPortFrom(ip, 7100))
}

// listens is the Self.Listens of the node.
func (n *testNode) listens() []netip.AddrPort { return []netip.AddrPort{n.addr} }

// nodeAt makes a node at an address of a host.
func (w *world) nodeAt(name string, host *memnet.Host, addr netip.AddrPort) *testNode {
	w.Helper()
	keys := w.keys()
	n := &testNode{w: w, name: name, keys: keys, key: keys.PublicKey(), host: host, addr: addr,
		trust: trust.NewSet(trust.WithSelf(keys.PublicKey()))}
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) keys() identity.KeyPair {
	w.Helper()
	var secret [32]byte
	for i := range secret {
		secret[i] = byte(w.rand.Uint32())
	}
	keys, err := identity.NewKeyPair(secret[:])
	if err != nil {
		w.Fatal(err)
	}
	return keys
}

// pair returns two nodes that trust each other, started. The first has the smaller key: it is the
// arbiter.
func (w *world) pair(adjust ...func(*Config)) (a, b *testNode) {
	w.Helper()
	a, b = w.node("a"), w.node("b")
	for _, f := range adjust {
		a.adjust, b.adjust = f, f
	}
	if a.key.Compare(b.key) > 0 {
		a.name, b.name, a, b = "b", "a", b, a
	}
	a.trusts(b)
	b.trusts(a)
	a.start()
	b.start()
	return a, b
}

// A source is randomness that repeats.
type source struct {
	mu sync.Mutex // held while reading
	r  *rand.ChaCha8
}

func (s *source) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(b)
}

// start starts the node, with another boot than before.
func (n *testNode) start() {
	n.w.Helper()
	l, err := n.host.Listen(n.w.Context(), "tcp", n.addr.String())
	if err != nil {
		n.w.Fatal(err)
	}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(n.w.rand.Uint32())
	}
	random := &source{r: rand.NewChaCha8(seed)}
	hello := envelope.Hello{Version: envelope.Version, Name: n.name, HasBoot: true}
	_, _ = random.Read(hello.Boot[:])
	n.manual = manual.New()
	n.directory = peers.NewDirectory()
	n.connected = make(map[identity.PublicKey]bool)
	n.events = nil
	var mu sync.Mutex // guards jitter
	jitter := rand.New(rand.NewPCG(n.w.rand.Uint64(), 0))
	log, pool := n.w.log.With("node", n.name), n.w.Pool
	trusted := func(key identity.PublicKey) bool {
		if f := n.asked.Load(); f != nil {
			(*f)()
		}
		return n.trust.Contains(key)
	}
	n.session = &session.Config{
		Static: n.keys, Prologue: []byte(n.prologue), Hello: hello, Rand: random, Clock: clock.System, Log: log, Pool: pool,
		Trusted: n.trust.Contains, Serve: n.answer, Compute: make(chan struct{}, 2),
		FrameLimit: frame.DefaultLimit, QueueBytes: 2 << 20,
		HandshakeTimeout: 10 * time.Second, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second,
		WriteStall: 30 * time.Second, Linger: 30 * time.Second, LingerReplaced: 30 * time.Second, StreamBytes: 64 << 20, Counters: &n.counters,
	}
	c := Config{
		Listener: listener.Config{Listener: l, Session: n.session,
			Strangers: 256, StrangersPerSource: 32},
		Guests: guests.Config{Session: n.session, Idle: 10 * time.Second, Life: 5 * time.Minute},
		Finder: finder.Config{Self: discovery.Self{Key: n.key, Listens: n.listens}, Providers: []discovery.Provider{n.manual}, Board: finder.NewBoard(),
			Trusted: n.trust.Contains, Clock: clock.System, Log: log, Pool: pool},
		Peers: peers.Config{Self: n.key, Session: n.session, Directory: n.directory, Trusted: trusted,
			Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
				n.dialled.Add(1)
				return n.host.Dial(ctx, "tcp", to.String())
			},
			Clock: clock.System, Log: log, Pool: pool,
			Jitter: func() float64 {
				mu.Lock()
				defer mu.Unlock()
				return jitter.Float64()
			},
			DialTimeout: 5 * time.Second, Stagger: 250 * time.Millisecond},
		Pool: pool, Log: log, Clock: clock.System, Tell: n.told,
	}
	if n.adjust != nil {
		n.adjust(&c)
	}
	n.Node = Start(n.w.System, c)
	n.unwatch = n.trust.Watch(n.Trust)
	for _, p := range n.trust.List() {
		n.Trust(trust.Change{Peer: p, Kind: trust.Added})
	}
}

// stop ends the node as its owner would, and returns what Stop said. The history goes on when nothing of the node
// is left.
func (n *testNode) stop(within time.Duration) error {
	n.w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	n.unwatch()
	err := n.Stop(ctx)
	n.Node = nil
	synctest.Wait()
	for key := range n.connected {
		n.w.Errorf("seed %d: %s has stopped and never said that %v is disconnected", n.w.seed, n.name, key.Fingerprint())
	}
	for _, a := range n.answerers {
		if !a.ended {
			n.w.Errorf("seed %d: %s has stopped and a session was never closed", n.w.seed, n.name)
		}
	}
	return err
}

// told records an event, and checks that Up and Down alternate.
func (n *testNode) told(m any) {
	time.Sleep(n.slow)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, m)
	n.w.log.Debug("told", "node", n.name, "event", fmt.Sprintf("%T %+v", m, m))
	switch m := m.(type) {
	case peers.Up:
		if n.connected[m.Key] {
			n.w.Errorf("seed %d: %s: Up twice in a row", n.w.seed, n.name)
		}
		n.connected[m.Key] = true
	case peers.Down:
		if !n.connected[m.Key] {
			n.w.Errorf("seed %d: %s: Down without Up", n.w.seed, n.name)
		}
		delete(n.connected, m.Key)
	}
}

// take returns the events of one type since the last take of that type.
func take[E any](n *testNode) (list []E) {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	var rest []any
	for _, m := range n.events {
		if e, ok := m.(E); ok {
			list = append(list, e)
		} else {
			rest = append(rest, m)
		}
	}
	n.events = rest
	return list
}

// only is take of an event that must have come exactly once.
func only[E any](n *testNode) (e E) {
	n.w.Helper()
	list := take[E](n)
	if len(list) != 1 {
		n.w.Fatalf("seed %d: %s: %d events of type %T, want 1: %+v", n.w.seed, n.name, len(list), e, list)
	}
	return list[0]
}

func (n *testNode) trusts(others ...*testNode) {
	n.w.Helper()
	for _, o := range others {
		if err := n.trust.Add(trust.Peer{Key: o.key}); err != nil {
			n.w.Fatal(err)
		}
	}
}

func (n *testNode) distrusts(o *testNode) {
	n.w.Helper()
	if _, err := n.trust.Remove(o.key); err != nil {
		n.w.Fatal(err)
	}
}

// finds lets discovery find another node where it listens.
func (n *testNode) finds(o *testNode) { n.manual.Found(o.key, o.addr) }

func texts(addrs []netip.AddrPort) (list []string) {
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return list
}

// connect asks for a connection, and returns where the answer arrives.
func (n *testNode) connect(o *testNode, addrs ...netip.AddrPort) <-chan error {
	done := make(chan error, 1)
	n.Connect(peers.Connect{Key: o.key, Addrs: texts(addrs), Done: done})
	return done
}

// answer waits for what a channel brings, an hour at most.
func answer(w *world, c <-chan error) error {
	w.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(time.Hour):
		w.Fatalf("seed %d: no answer", w.seed)
		return nil
	}
}

// dials connects to another node and waits until it is up at both ends.
func (n *testNode) dials(o *testNode) {
	n.w.Helper()
	if err := answer(n.w, n.connect(o, o.addr)); err != nil {
		n.w.Fatalf("seed %d: %s connects to %s: %v", n.w.seed, n.name, o.name, err)
	}
	synctest.Wait()
}

// dialsAgain makes one more session to another node, as if there were none.
func (n *testNode) dialsAgain(o *testNode) {
	n.w.Helper()
	c, err := n.host.Dial(n.w.Context(), "tcp", o.addr.String())
	if err != nil {
		n.w.Error(err)
		return
	}
	root, system := n.Node, n.w.System
	system.Root.Spawn(actorkit.RootProps(n.w.Pool, n.w.log, func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				session.Spawn(system.Root, session.Params{Config: n.session, Conn: c, Role: handshake.Initiator, Expect: o.key, Owner: ctx.Self()})
			case session.Proved:
				system.Root.Send(root.pid, m)
				ctx.Stop(ctx.Self())
			case session.Ended:
				n.w.Errorf("seed %d: the handshake failed: %v", n.w.seed, m.Err)
				ctx.Stop(ctx.Self())
			}
		})
	}))
}

// link returns the session to another node; nil: there is none.
func (n *testNode) link(o *testNode) *session.Link { return n.directory.Link(o.key) }

// state returns the state of the link to another node.
func (n *testNode) state(o *testNode) peers.State {
	synctest.Wait()
	info, _ := n.directory.Info(o.key)
	return info.State
}

// call calls a handler of another node.
func (n *testNode) call(o *testNode, name string) error {
	link := n.link(o)
	if link == nil {
		return errors.New("not connected")
	}
	_, err := link.Call(context.Background(), name, "", "args")
	return err
}

// works checks that calls can be made both ways.
func works(a, b *testNode) {
	a.w.Helper()
	for _, way := range [][2]*testNode{{a, b}, {b, a}} {
		if err := way[0].call(way[1], "echo"); err != nil {
			a.w.Errorf("seed %d: %s calls %s: %v", a.w.seed, way[0].name, way[1].name, err)
		}
	}
}

// one checks that there is one session between two nodes, which both use, and that each said so once.
func one(a, b *testNode) {
	a.w.Helper()
	synctest.Wait()
	la, lb := a.link(b), b.link(a)
	switch s := a.w.net.Stats(); {
	case la == nil || lb == nil:
		a.w.Fatalf("seed %d: connected: %s %v, %s %v", a.w.seed, a.name, la != nil, b.name, lb != nil)
	case la.Role() == lb.Role():
		a.w.Fatalf("seed %d: both are %v: they use two sessions", a.w.seed, la.Role())
	case s.Conns != 2:
		a.w.Fatalf("seed %d: %d ends of connections are open, want 2", a.w.seed, s.Conns)
	}
	works(a, b)
	only[peers.Up](a)
	only[peers.Up](b)
	for _, n := range []*testNode{a, b} {
		if downs := take[peers.Down](n); len(downs) != 0 {
			a.w.Fatalf("seed %d: %s was disconnected: %+v", a.w.seed, n.name, downs)
		}
	}
}
