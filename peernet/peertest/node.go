package peertest

import (
	"context"
	"net/netip"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/manual"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/peernet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Node is a machine on a Network, and the peernet.Node that runs on it. That is another one after each Restart, so do
// not restart a Node while another goroutine uses it.
type Node struct {
	*peernet.Node // that runs, or ran last

	net       *Network
	name      string
	host      *memnet.Host
	ip        netip.Addr
	addr      netip.AddrPort // that others dial
	script    *manual.Provider
	setup     []func(*peernet.Node) error
	configure []func(*peernet.Config)
	dataDir   string
	starts    int
	running   bool
	recorder  sync.WaitGroup // of the events

	events []peernet.Event // that AwaitEvent has not returned; guarded by net.mu
}

// Name returns the name that the node was made with.
func (n *Node) Name() string { return n.name }

// String returns the name.
func (n *Node) String() string { return n.name }

// Addr returns the address that others reach the node at, also while it does not run.
func (n *Node) Addr() netip.AddrPort { return n.addr }

// Finds tells the node where another one is, as discovery does; it need not run. The node dials it if it trusts it. It holds
// over restarts of either, until Loses.
func (n *Node) Finds(o *Node) { n.script.Found(o.PublicKey(), o.Addr()) }

// Loses tells the node that another one is not where Finds has said. A session with it stays up.
func (n *Node) Loses(o *Node) { n.script.Lost(o.PublicKey(), o.Addr()) }

// Stop shuts the node down as its program would: peers are told and calls in flight are waited for, half a minute at most where
// the peer is silent. What takes longer than the network's Patience fails the test. A node that does not run stays as it is.
func (n *Node) Stop() {
	n.net.tb.Helper()
	ctx, cancel := n.net.patient()
	defer cancel()
	if err := n.end(ctx); err != nil {
		n.net.tb.Errorf("peertest: %s did not stop in %v (%v): a handler ignores its context, or a peer does not answer any more", n, n.net.patience, err)
	}
}

// Crash takes the machine away, with the node on it: peers are not told and hear nothing more, as when the power fails. What
// runs here is ended, and contexts of handlers with it. A node that does not run stays as it is.
func (n *Node) Crash() {
	if n.running {
		n.host.Crash()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = n.end(ctx) // that nothing was waited for
	}
}

// Restart stops the node if it runs, and starts it again, after a Crash too: with the same identity, address, options and
// trust set, and what Finds has told it. What else it had learned is gone, and so are handlers that no Setup registers.
func (n *Node) Restart() {
	n.net.tb.Helper()
	n.Stop()
	n.host.Restart()
	n.start(n.Trusted())
}

// end shuts the peernet.Node down and waits for its last event.
func (n *Node) end(ctx context.Context) error {
	if !n.running {
		return nil
	}
	n.running = false
	err := n.Shutdown(ctx)
	n.recorder.Wait()
	return err
}

// start makes a peernet.Node and starts it.
func (n *Node) start(trusted []trust.Peer) {
	tb := n.net.tb
	tb.Helper()
	if n.net.ended {
		tb.Fatalf("peertest: %s is started on a network that has ended: clean-ups that the test registers before NewNetwork run after its end", n)
	}
	n.starts++
	node, err := peernet.New(n.config())
	if err != nil {
		tb.Fatalf("peertest: make %s: %v", n, err)
	}
	n.Node, n.running = node, true
	n.net.output.name(node.PublicKey(), n.name)
	events := node.Events(context.Background())
	n.recorder.Go(func() { n.record(events) })
	if n.dataDir != "" {
		trusted = nil
	}
	for _, p := range trusted {
		if err := node.Pair(p.Key, p.Label); err != nil {
			tb.Fatalf("peertest: %s cannot trust %s: %v", n, p.Key, err)
		}
	}
	for _, f := range n.setup {
		if err := f(node); err != nil {
			tb.Fatalf("peertest: set up %s: %v", n, err)
		}
	}
	ctx, cancel := n.net.patient()
	defer cancel()
	if err := node.Start(ctx); err != nil {
		tb.Fatalf("peertest: start %s: %v", n, err)
	}
	for _, a := range node.Addrs() {
		if !a.Addr().IsLoopback() {
			n.addr = a
			break
		}
	}
}

// config returns what the peernet.Node of this start is made from.
func (n *Node) config() peernet.Config {
	c := n.net.shared
	c.Identity = KeyPair(n.name)
	c.Listen = netip.AddrPortFrom(n.ip, port).String()
	c.Discovery = []discovery.Provider{n.script}
	c.Rand = random(n.net.seed, n.name, n.starts)
	c.Logger = n.net.output.logger(n.name, &n.net.output.level)
	c.Network = peernet.Network{Listen: n.host.Listen, Dial: n.host.Dial, ListenPacket: n.host.ListenPacket, Interfaces: n.interfaces, LookupNetIP: n.host.LookupNetIP}
	for _, f := range n.configure {
		f(&c)
	}
	n.dataDir = c.DataDir
	return c
}

func (n *Node) interfaces() ([]discovery.Interface, error) {
	all, err := n.host.Interfaces()
	list := make([]discovery.Interface, 0, len(all))
	for _, i := range all {
		list = append(list, discovery.Interface(i))
	}
	return list, err
}
