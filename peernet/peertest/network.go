package peertest

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// A Network is a LAN in memory and the nodes on it. It ends with the test that made it.
type Network struct {
	tb       testing.TB
	seed     uint64
	patience time.Duration
	mem      *memnet.Network
	shared   peernet.Config // what all nodes have in common: the actor system
	output   *output
	nodes    []*Node // in order of making
	ended    bool

	mu      sync.Mutex    // guards the rest, and the events of every Node
	changed chan struct{} // closed at the next event of a node
}

// port is the one that nodes listen on.
const port = 7100

// perLink is how many nodes are on one link: the addresses of a /24 but for the network's own and the broadcast one.
const perLink = 254

// throttleDeadLetters is how long a goroutine of the actor library's may outlive the system.
const throttleDeadLetters = time.Millisecond

// NewNetwork returns a network without nodes. When the test ends, so does everything on it; what cannot be ended, and what
// was left open, fails the test.
func NewNetwork(tb testing.TB, options ...Option) *Network {
	tb.Helper()
	n := &Network{tb: tb, seed: 1, patience: time.Minute, changed: make(chan struct{})}
	for _, o := range options {
		o(n)
	}
	n.mem = memnet.New(n.seed)
	n.output = newOutput(tb)
	n.shared.System = actorkit.NewSystem(n.output.logger("actors", slog.LevelWarn), throttleDeadLetters)
	tb.Cleanup(n.end)
	return n
}

// Node makes a node with this name, which no other on the network has, and starts it. It trusts no key and finds no node.
func (n *Network) Node(name string, options ...NodeOption) *Node {
	n.tb.Helper()
	for _, o := range n.nodes {
		if o.name == name {
			n.tb.Fatalf("peertest: there is a node %q already", name)
		}
	}
	i := len(n.nodes)
	ip := netip.AddrFrom4([4]byte{10, 0, byte(i / perLink), byte(i%perLink + 1)})
	node := &Node{net: n, name: name, host: n.mem.Host(ip), ip: ip, script: manual.New()}
	n.mem.SetName(name, ip)
	for _, o := range options {
		o(node)
	}
	n.nodes = append(n.nodes, node)
	node.start(nil)
	return node
}

// Mesh makes count nodes, which have their places on the network for names ("node1", "node2", …), trust and find each other,
// and are all connected when it returns.
func (n *Network) Mesh(count int, options ...NodeOption) []*Node {
	n.tb.Helper()
	var mesh []*Node
	for range count {
		mesh = append(mesh, n.Node(fmt.Sprintf("node%d", len(n.nodes)+1), options...))
	}
	n.Trust(mesh...)
	for i, a := range mesh { // one finds the other first: two that dial each other at once do twice the work
		for _, b := range mesh[:i] {
			a.Finds(b)
		}
	}
	n.AwaitConnected(mesh...)
	n.Meet(mesh...)
	return mesh
}

// Trust makes every two of these nodes trust each other, under their names as labels. For one way, use Node.Pair.
func (n *Network) Trust(nodes ...*Node) {
	n.tb.Helper()
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		for _, way := range [][2]*Node{{a, b}, {b, a}} {
			if err := way[0].Pair(way[1].PublicKey(), way[1].name); err != nil {
				n.tb.Fatalf("peertest: %s cannot trust %s: %v", way[0], way[1], err)
			}
		}
	}
}

// Meet makes every two of these nodes find each other, as discovery does. A node that trusts a node that it finds dials it. It holds
// over restarts, until Part.
func (n *Network) Meet(nodes ...*Node) {
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		a.Finds(b)
		b.Finds(a)
	}
}

// Part makes every two of these nodes lose sight of each other. Sessions that are up stay up.
func (n *Network) Part(nodes ...*Node) {
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		a.Loses(b)
		b.Loses(a)
	}
}

// Connect has the first of every two of these nodes dial the second, and waits until they are connected. They must trust each
// other. If it does not work, the test fails and says why.
func (n *Network) Connect(nodes ...*Node) {
	n.tb.Helper()
	for _, p := range pairs(nodes) {
		a, b := p[0], p[1]
		ctx, cancel := n.patient()
		err := a.Connect(ctx, b.PublicKey(), b.Addr().String())
		cancel()
		if err != nil {
			n.tb.Fatalf("peertest: %s to %s: %v\n%s", a, b, err, n.explain(a, b))
		}
	}
	n.AwaitConnected(nodes...)
}

// pairs returns every two of these nodes once: a slice, as the functions of an iterator would stand between the one that fails
// the test and its Helper, and the test's line would not be told.
func pairs(nodes []*Node) (all [][2]*Node) {
	for i, a := range nodes {
		for _, b := range nodes[i+1:] {
			all = append(all, [2]*Node{a, b})
		}
	}
	return all
}

// end stops everything and tells what is left.
func (n *Network) end() {
	n.tb.Helper()
	n.ended = true
	n.output.level.Set(slog.LevelWarn) // all that follows is that nodes stop
	n.Heal()
	n.Delay(0)
	n.Bandwidth(0)
	n.Lose(0)
	for _, node := range n.nodes {
		node.host.Restart() // peers that still keep a session with it notice the crash at once
	}
	for _, node := range n.nodes {
		node.Stop()
	}
	if s := n.mem.Stats(); s.Conns+s.Listeners+s.PacketConns > 0 {
		n.tb.Errorf("peertest: left open on the network: %d ends of connections, %d listeners, %d datagram sockets", s.Conns, s.Listeners, s.PacketConns)
	}
	n.shared.System.Shutdown()
	n.output.close()
	if settle() { // a bubble must end without a goroutine, and those of the actor library live a little longer
		time.Sleep(time.Second)
	}
}
