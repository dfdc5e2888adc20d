package udp

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// group is where announces go over IPv6: a group of link-local scope, so that no router passes them on.
var group = netip.MustParseAddr("ff12::504e:4554")

// limitedBroadcast reaches every machine on the network that it is sent on.
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// A target is where an announce goes on one interface.
type target struct {
	to   netip.Addr
	from netip.Addr // this machine's address there; not valid: the system chooses it
}

// announced returns the port that an announce to t names and the address that it is sent from: those of the first address
// that the node listens on and others can dial there. Receivers take the address from the datagram. It reports false if
// there is none.
func (t target) announced(i discovery.Interface, listens []netip.AddrPort) (port uint16, from netip.Addr, ok bool) {
	for _, l := range listens {
		a := l.Addr().Unmap().WithZone("")
		switch {
		case !lan.LeadsTo(i, l.Addr(), t.to.Is6()):
		case a.IsUnspecified():
			return l.Port(), t.from, true
		case !t.from.IsValid() || isOneSubnet(i.Addrs, a, t.from):
			return l.Port(), a, true
		}
	}
	return 0, netip.Addr{}, false
}

// isOneSubnet reports whether an address of this machine and another one are on one of the subnets.
func isOneSubnet(subnets []netip.Prefix, own, other netip.Addr) bool {
	return slices.ContainsFunc(subnets, func(p netip.Prefix) bool { return p.Addr() == own && p.Contains(other) })
}

// interfaces returns the interfaces that announces are sent and heard on: wire.md §8.1. By default those are all
// that carry broadcasts or IPv6 multicasts, neither loopback nor point-to-point. If there are none, it is the
// loopback, so that the nodes of a machine without a network find each other.
func (o *Options) interfaces(all []discovery.Interface, selected lan.Selection) []discovery.Interface {
	fixed := len(o.Broadcast) > 0
	list := lan.Choose(all, selected, func(i discovery.Interface, named bool) bool {
		return (named || fixed || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0) && len(o.targets(i)) > 0
	})
	if len(list) > 0 || fixed {
		return list
	}
	return lan.Choose(all, selected, func(i discovery.Interface, _ bool) bool {
		return i.Flags&net.FlagLoopback != 0 && len(o.targets(i)) > 0
	})
}

// targets returns where on an interface announces go.
func (o *Options) targets(i discovery.Interface) (list []target) {
	if len(o.Broadcast) > 0 {
		return fixed(i.Addrs, o.Broadcast)
	}
	if i.Flags&(net.FlagBroadcast|net.FlagLoopback) != 0 {
		list = broadcasts(i.Addrs)
	}
	if o.multicasts(i) {
		list = append(list, target{to: group})
	}
	return list
}

// multicasts reports whether announces go to the group on an interface.
func (o *Options) multicasts(i discovery.Interface) bool {
	return len(o.Broadcast) == 0 && i.Flags&net.FlagMulticast != 0 && lan.Has(i, true)
}

// fixed returns those of the addresses to that are on one of the subnets.
func fixed(subnets []netip.Prefix, to []netip.Addr) (list []target) {
	for _, a := range to {
		if i := slices.IndexFunc(subnets, func(p netip.Prefix) bool { return p.Contains(a) }); i >= 0 {
			list = append(list, target{a, subnets[i].Addr()})
		}
	}
	return list
}

// broadcasts returns the directed broadcast address of every subnet, each once; the limited one if none has any and
// there is an IPv4 address to send from.
func broadcasts(subnets []netip.Prefix) (list []target) {
	var from netip.Addr
	for _, p := range subnets {
		if p.Addr().Is4() {
			from = p.Addr()
		}
		to, ok := directedBroadcast(p)
		if ok && !slices.ContainsFunc(list, func(t target) bool { return t.to == to }) {
			list = append(list, target{to, from})
		}
	}
	if len(list) == 0 && from.IsValid() {
		list = append(list, target{limitedBroadcast, from})
	}
	return list
}

// directedBroadcast returns the address that reaches every machine on an IPv4 subnet: the last one. A subnet of one
// address or two (RFC 3021) has none.
func directedBroadcast(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a), true
}

// origin returns the interface on which an announce from src was heard, and src as it is dialled. It reports false if src
// is not a machine on one of our networks. index is that of the interface, 0 if the system does not say: then the address
// decides, which for a link-local IPv6 address is its zone.
func origin(using []discovery.Interface, index int, src netip.Addr) (on discovery.Interface, at netip.Addr, ok bool) {
	isHost := func(p netip.Prefix) bool {
		broadcast, _ := directedBroadcast(p)
		return p.Contains(src) && src != broadcast
	}
	for _, i := range using {
		if index != 0 && index != i.Index || index == 0 && lan.IsLinkLocal6(src) && src.Zone() != i.Name && src.Zone() != strconv.Itoa(i.Index) {
			continue
		}
		if at, ok = lan.AddressOn(i, src); ok && (src.Is6() || slices.ContainsFunc(i.Addrs, isHost)) {
			return i, at, true
		}
	}
	return discovery.Interface{}, netip.Addr{}, false
}
