// Package memnet is a network in memory under which real nodes run in tests: TCP-like streams and UDP-like datagrams
// between hosts, with delay, jitter, a rate, cuts, partitions, resets, trickle and tampering.
//
// A [Network] joins [Host]s; a Host listens, dials and opens datagram sockets with the signatures of the net package, so
// that a program which takes its network as functions needs no change to run here. Streams behave as TCP does where a
// program can tell: 64 KiB of window per direction, half close, a reset when a connection is closed with unread input,
// [*net.TCPAddr] addresses and errors that satisfy errors.Is for the system's own error numbers. Where TCP leaves room,
// memnet takes the harsher choice: a reset destroys what the reader has not read yet.
//
// Every subnet (a /24 of IPv4, a /64 of IPv6) is one link, on which broadcasts and multicasts travel; unicast reaches
// every host on any link. Addresses are literals: [Host.LookupNetIP] alone knows the names that
// [Network.SetName] gives.
//
// All waiting is on condition variables and channels, so a goroutine that waits here is durably blocked in the sense of
// testing/synctest: make the Network inside the bubble that uses it. No goroutine is started; without delay, rate, trickle
// and cuts no timer is either, and a Write copies straight into the buffer that the other end reads. A seed makes jitter
// repeat per connection; it does not make goroutines take turns in the same order.
//
// Everything exported is safe for concurrent use.
package memnet

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// A Network joins hosts. Make it with [New]; its methods other than [Network.Host] and [Network.Stats] are the faults.
type Network struct {
	seed       uint64
	conditions atomic.Pointer[conditions]

	bytes     atomic.Uint64 // of streams, taken from writers
	datagrams atomic.Uint64 // delivered, one for each receiving socket
	dropped   atomic.Uint64 // datagrams lost, one for each socket or address that did not get it

	// mu guards what follows, the fields of every Host and Listener, the bindings and groups of every PacketConn and the
	// set of links. It is taken before a link's or a PacketConn's own lock, never after.
	mu      sync.Mutex
	hosts   []*Host // in order of making
	owners  map[netip.Addr]*Host
	names   map[string][]netip.Addr // as SetName has it
	links   map[*link]struct{}
	streams uint64            // calls of Dial so far
	sockets uint64            // calls of ListenPacket so far
	cuts    map[path]struct{} // what Cut and CutOneWay cut
	groups  map[*Host]int     // what Partition made; a host that is absent is in group 0
	changed chan struct{}     // closed when a waiting Dial should look again; nil while none waits
}

// A path is one direction between two hosts.
type path struct{ from, to *Host }

// New returns a network without hosts. The seed drives jitter: the n-th Dial draws the same delays for the same seed.
func New(seed uint64) *Network {
	n := &Network{
		seed:   seed,
		owners: make(map[netip.Addr]*Host),
		names:  make(map[string][]netip.Addr),
		links:  make(map[*link]struct{}),
		cuts:   make(map[path]struct{}),
	}
	n.conditions.Store(&conditions{})
	return n
}

// open reports whether packets pass from one host's address to another's. n.mu is held.
func (n *Network) open(from *Host, src netip.Addr, to *Host, dst netip.Addr) bool {
	if from.down || to.down || !from.holds(src) || !to.holds(dst) {
		return false
	}
	if from == to {
		return true
	}
	_, cut := n.cuts[path{from, to}]
	return !cut && n.groups[from] == n.groups[to]
}

// rewire makes every connection see which paths are open now, and wakes the dials that wait. n.mu is held.
func (n *Network) rewire() {
	for l := range n.links {
		a, b := &l.ends[0], &l.ends[1]
		forth := n.open(a.host, a.addr.Addr(), b.host, b.addr.Addr())
		back := n.open(b.host, b.addr.Addr(), a.host, a.addr.Addr())
		l.setOpen(forth, back)
	}
	n.wakeDials()
}

// wait returns a channel that is closed when a dial that could not go on should look again. n.mu is held.
func (n *Network) wait() <-chan struct{} {
	if n.changed == nil {
		n.changed = make(chan struct{})
	}
	return n.changed
}

// wakeDials makes every waiting dial look again. n.mu is held.
func (n *Network) wakeDials() {
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

// forget drops a connection that neither end holds any more.
func (n *Network) forget(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(l)
}

// drop is forget with n.mu held. It may be called twice for one link.
func (n *Network) drop(l *link) {
	if _, there := n.links[l]; there {
		delete(n.links, l)
		delete(l.ends[0].host.dialPorts, l.ends[0].addr.Port())
	}
}
