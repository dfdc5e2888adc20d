package peernet_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// An island is nodes on a network in memory, in a bubble of their own.
type island struct {
	*testing.T
	net   *memnet.Network
	nodes []*peernet.Node
	other *memnet.Host // that runs no node
}

// onIsland runs f in a bubble, and shuts down the nodes that it has started.
func onIsland(t *testing.T, f func(i *island)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(1)
		i := &island{T: t, net: net, other: net.Host(netip.AddrFrom4([4]byte{10, 0, 1, 1}))}
		f(i)
		for _, n := range i.nodes {
			if err := n.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}
		time.Sleep(time.Second) // the throttle of dead letters
		synctest.Wait()
	})
}

// node starts a node on a host of its own.
func (i *island) node(c peernet.Config) *peernet.Node {
	i.Helper()
	ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(len(i.nodes) + 1)})
	host := i.net.Host(ip)
	c.Listen = netip.AddrPortFrom(ip, 7100).String()
	c.Network = peernet.Network{Listen: host.Listen, Dial: host.Dial, ListenPacket: host.ListenPacket,
		Interfaces: func() ([]discovery.Interface, error) { return nil, nil }}
	n, err := peernet.New(c)
	if err != nil {
		i.Fatal(err)
	}
	if err := n.Start(i.Context()); err != nil {
		i.Fatal(err)
	}
	i.nodes = append(i.nodes, n)
	return n
}

// pair returns two nodes that are connected: a has dialled b. Nothing is under way between them.
func (i *island) pair(ca, cb peernet.Config) (a, b *peernet.Node) {
	i.Helper()
	a, b = i.node(ca), i.node(cb)
	pair(i, a, b)
	if err := a.Connect(i.Context(), b.PublicKey(), b.Addrs()[0].String()); err != nil {
		i.Fatal(err)
	}
	synctest.Wait()
	return a, b
}

// keys returns a fresh pair of keys.
func (i *island) keys() identity.KeyPair {
	i.Helper()
	keys, err := identity.GenerateKeyPair(nil)
	if err != nil {
		i.Fatal(err)
	}
	return keys
}

// dial connects to a node from a host without a node.
func (i *island) dial(to *peernet.Node) net.Conn {
	i.Helper()
	conn, err := i.other.Dial(i.Context(), "tcp", to.Addrs()[0].String())
	if err != nil {
		i.Fatal(err)
	}
	return conn
}

// with returns what node counts of its peer now, when nothing is under way.
func (i *island) with(n, peer *peernet.Node) peernet.PeerStats {
	i.Helper()
	synctest.Wait()
	for _, p := range n.Stats().Peers {
		if p.Peer == peer.PublicKey() {
			return p
		}
	}
	i.Fatal("no such peer")
	return peernet.PeerStats{}
}

// distrust takes the trust away that a node has in another one.
func (i *island) distrust(n, other *peernet.Node) {
	i.Helper()
	i.unpair(n, other.PublicKey())
}

func (i *island) unpair(n *peernet.Node, key identity.PublicKey) {
	i.Helper()
	if err := n.Unpair(key); err != nil {
		i.Error(err)
	}
}
