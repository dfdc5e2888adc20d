package memnet

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// An Interface is a network interface of a [Host]: the loopback, or its place on one link.
type Interface struct {
	Index int    // 1 is the loopback; the same for the same subnet during the host's life
	Name  string // "lo", "eth0", "eth1", …
	Flags net.Flags
	Addrs []netip.Prefix // with the host's own address: 10.0.0.1/24
}

const (
	loopbackIndex = 1
	loopbackName  = "lo"
)

// loopbacks are the addresses of the loopback interface.
var loopbacks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}

// Interfaces lists the machine's interfaces that have addresses, the loopback first. A crashed one has none to tell of:
// ENETDOWN.
func (h *Host) Interfaces() ([]Interface, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if h.down {
		return nil, os.NewSyscallError("interfaces", syscall.ENETDOWN)
	}
	list := []Interface{{
		Index: loopbackIndex,
		Name:  loopbackName,
		Flags: net.FlagUp | net.FlagLoopback | net.FlagRunning,
		Addrs: slices.Clone(loopbacks),
	}}
	for i, subnet := range h.subnets {
		var addrs []netip.Prefix
		for _, a := range h.addrs {
			if subnet.Contains(a) {
				addrs = append(addrs, netip.PrefixFrom(a, subnet.Bits()))
			}
		}
		if len(addrs) > 0 {
			list = append(list, Interface{
				Index: interfaceIndex(i),
				Name:  interfaceName(i),
				Flags: net.FlagUp | net.FlagBroadcast | net.FlagMulticast | net.FlagRunning,
				Addrs: addrs,
			})
		}
	}
	return list, nil
}

// interfaceIndex and interfaceName are those of a host's i-th subnet.
func interfaceIndex(i int) int   { return i + loopbackIndex + 1 }
func interfaceName(i int) string { return "eth" + strconv.Itoa(i) }

// subnet returns the link that an address is on: its /24 or /64, its whole block if it is a loopback one.
func subnet(a netip.Addr) netip.Prefix {
	switch {
	case a.IsLoopback() && a.Is4():
		return loopbacks[0].Masked()
	case a.IsLoopback():
		return loopbacks[1].Masked()
	case a.Is4():
		return netip.PrefixFrom(a, 24).Masked()
	default:
		return netip.PrefixFrom(a, 64).Masked()
	}
}

// broadcast returns the directed broadcast address of an IPv4 subnet.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// attach gives h an interface on a subnet, if it has had none there yet. n.mu is held.
func (h *Host) attach(p netip.Prefix) {
	if !slices.Contains(h.subnets, p) {
		h.subnets = append(h.subnets, p)
	}
}

// on returns h's first address on a link, and whether it has one. n.mu is held.
func (h *Host) on(p netip.Prefix) (netip.Addr, bool) {
	for _, l := range loopbacks {
		if l.Masked() == p {
			return l.Addr(), true
		}
	}
	i := slices.IndexFunc(h.addrs, p.Contains)
	if i < 0 {
		return netip.Addr{}, false
	}
	return h.addrs[i], true
}

// link returns the link of the interface with this name or index, as a zone has it, and of this family. An empty zone
// means the first interface but the loopback. n.mu is held.
func (h *Host) link(zone string, v4 bool) (netip.Prefix, bool) {
	if zone == loopbackName || zone == strconv.Itoa(loopbackIndex) {
		if v4 {
			return loopbacks[0].Masked(), true
		}
		return loopbacks[1].Masked(), true
	}
	for i, p := range h.subnets {
		named := zone == "" || zone == interfaceName(i) || zone == strconv.Itoa(interfaceIndex(i))
		if _, there := h.on(p); there && named && p.Addr().Is4() == v4 {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// zone returns the zone that h writes beside an address: the name of its interface if the address is link-local, else
// nothing. n.mu is held.
func (h *Host) zone(a netip.Addr) string {
	if !a.Is6() || !a.IsLinkLocalUnicast() {
		return ""
	}
	i := slices.Index(h.subnets, subnet(a))
	if i < 0 {
		return ""
	}
	return interfaceName(i)
}
