package memnet

import (
	"fmt"
	"net/netip"
	"slices"
)

// A Host is a machine on a [Network]. It has the addresses it was given, and 127.0.0.0/8 and ::1 as a loopback of its own.
type Host struct {
	n *Network

	// Guarded by n.mu.
	addrs     []netip.Addr   // without zones, in the order given
	subnets   []netip.Prefix // every one that h ever was on; its place tells index and name of the interface
	listeners []*Listener
	packets   []*PacketConn       // in order of opening
	dialPorts map[uint16]struct{} // local ports of dials and the connections they made
	nextPort  uint16              // where the search for a free port goes on
	down      bool
	boot      int // incremented by Crash: a dial of an earlier life fails
}

// Host adds a machine with these addresses, IPv4 or IPv6, without zones; none is a machine that has only its loopback. It
// panics if an address is not a unicast one, is a loopback one, or belongs to another host of the network.
func (n *Network) Host(addrs ...netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := &Host{n: n, dialPorts: make(map[uint16]struct{}), nextPort: firstPort}
	h.setAddrs(addrs)
	n.hosts = append(n.hosts, h)
	n.rewire()
	return h
}

// SetAddrs gives the machine other addresses, as a change of network does. A connection bound to an address that is gone
// goes silent, without a reset, like a pulled cable; it goes on if the address comes back. Listeners and sockets on all
// addresses serve the new ones. It panics as [Network.Host] does.
func (h *Host) SetAddrs(addrs ...netip.Addr) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	h.setAddrs(addrs)
	h.n.rewire()
}

// setAddrs is SetAddrs with n.mu held.
func (h *Host) setAddrs(addrs []netip.Addr) {
	for _, a := range h.addrs {
		delete(h.n.owners, a)
	}
	h.addrs = nil
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		usable := a.IsGlobalUnicast() || a.IsLinkLocalUnicast()
		if !usable || h.n.owners[a] != nil {
			panic(fmt.Sprintf("memnet: address %v cannot be a host's or is taken", a))
		}
		h.n.owners[a] = h
		h.addrs = append(h.addrs, a)
		h.attach(subnet(a))
	}
}

// Crash takes the machine away at once: nothing is sent to say so and nothing is answered, those who dial it wait, and
// what it had sent and had not arrived is lost. To the program that ran there its sockets act as closed: waiting calls
// return net.ErrClosed. It can open none (ENETDOWN) until [Host.Restart].
func (h *Host) Crash() {
	n := h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	h.down = true
	h.boot++
	for _, l := range h.listeners {
		l.shut(shutByCrash)
	}
	h.listeners = nil
	for _, p := range h.packets {
		p.shut(shutByCrash)
	}
	h.packets = nil
	for l := range n.links {
		if over := l.crash(h); over {
			n.drop(l)
		}
	}
	n.rewire()
}

// Restart brings a crashed machine back, with its addresses and without a socket: what other hosts still send on old
// connections is answered with a reset.
func (h *Host) Restart() {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	h.down = false
	h.n.rewire()
}

// holds reports whether a is an address of this machine now. n.mu is held.
func (h *Host) holds(a netip.Addr) bool {
	return a.IsLoopback() || h.n.owners[a] == h
}

// owner returns the host that a packet of h to dst would reach, nil if there is none. n.mu is held.
func (h *Host) owner(dst netip.Addr) *Host {
	if dst.IsLoopback() {
		return h
	}
	return h.n.owners[dst]
}

// source chooses the address from which h talks to dst: dst itself if that is h's own, else one on the same subnet, else
// the first of that family, a link-local one for a link-local dst alone. n.mu is held.
func (h *Host) source(dst netip.Addr) (netip.Addr, bool) {
	if h.holds(dst) {
		return dst, true
	}
	onLink := func(a netip.Addr) bool { return subnet(a).Contains(dst) }
	if i := slices.IndexFunc(h.addrs, onLink); i >= 0 {
		return h.addrs[i], true
	}
	routed := func(a netip.Addr) bool { return a.Is4() == dst.Is4() && !a.IsLinkLocalUnicast() }
	if i := slices.IndexFunc(h.addrs, routed); i >= 0 && !dst.IsLinkLocalUnicast() {
		return h.addrs[i], true
	}
	return netip.Addr{}, false
}
