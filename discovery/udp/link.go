package udp

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// limitedBroadcast reaches every machine on the link that it is sent on.
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// carries is what an interface must be to be used: switched on, with its cable in.
const carries = net.FlagUp | net.FlagRunning

// A link is an interface on which announces are sent and heard. It is not changed once it is made.
type link struct {
	index int
	name  string
	addrs []netip.Prefix // this machine's, with the subnets they are on
	ipv4  []target       // where announces go over IPv4
	ipv6  bool           // whether they go to the group over IPv6
}

// A target is where an announce goes on one link.
type target struct {
	to   netip.Addr
	from netip.Addr // this machine's address there
}

// links returns the links that announces are sent and heard on, by index: wire.md §8.1. Left alone, those are all
// interfaces that carry broadcasts or IPv6 multicasts, neither loopback nor point-to-point; if there is none, the
// loopback, so that the nodes of a machine without a network find each other.
func (o *Options) links(all []discovery.Interface) []link {
	var list, loopbacks []link
	for _, i := range all {
		if i.Flags&carries != carries || len(o.Interfaces) > 0 && !slices.Contains(o.Interfaces, i.Name) {
			continue
		}
		l := o.link(i)
		chosen := len(o.Interfaces) > 0 || len(o.Broadcast) > 0
		switch {
		case len(l.ipv4) == 0 && !l.ipv6:
		case !chosen && i.Flags&net.FlagLoopback != 0:
			loopbacks = append(loopbacks, l)
		case !chosen && i.Flags&net.FlagPointToPoint != 0:
		default:
			list = append(list, l)
		}
	}
	if len(list) == 0 {
		list = loopbacks
	}
	slices.SortFunc(list, func(a, b link) int { return cmp.Compare(a.index, b.index) })
	return list
}

// link finds where on an interface announces go.
func (o *Options) link(i discovery.Interface) link {
	l := link{index: i.Index, name: i.Name, addrs: slices.Clone(i.Addrs)}
	slices.SortFunc(l.addrs, netip.Prefix.Compare)
	if len(o.Broadcast) > 0 {
		l.ipv4 = fixed(l.addrs, o.Broadcast)
		return l
	}
	if i.Flags&(net.FlagBroadcast|net.FlagLoopback) != 0 {
		l.ipv4 = broadcasts(l.addrs)
	}
	l.ipv6 = i.Flags&net.FlagMulticast != 0 && l.hasIPv6()
	return l
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
		if !p.Addr().Is4() {
			continue
		}
		from = p.Addr()
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

// hearing returns the link on which an announce from src was heard, nil if it came from no machine on a link of ours.
// index is that of the interface it came in on, 0 if the system does not say: then the address decides.
func hearing(links []link, index int, src netip.Addr) *link {
	for i := range links {
		if l := &links[i]; (index == 0 || index == l.index) && l.reaches(src, index != 0) {
			return l
		}
	}
	return nil
}

// reaches reports whether src can be a machine on this link. A link-local IPv6 address can on any; unless the link is
// certain, its zone must tell which.
func (l *link) reaches(src netip.Addr, certain bool) bool {
	if isLinkLocal6(src) {
		zone := src.Zone()
		return l.hasIPv6() && (certain || zone == l.name || zone == strconv.Itoa(l.index))
	}
	return slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool {
		broadcast, _ := directedBroadcast(p)
		return p.Contains(src) && src != broadcast
	})
}

// zoned returns src as it is dialled: a link-local IPv6 address with the name of the link as its zone, any other without.
func (l *link) zoned(src netip.Addr) netip.Addr {
	if isLinkLocal6(src) {
		return src.WithZone(l.name)
	}
	return src.WithZone("")
}

// leadsTo reports whether those on the link can reach a node that listens on that address of this machine.
func (l *link) leadsTo(listens netip.Addr) bool {
	listens = listens.Unmap()
	if !listens.IsValid() || listens.IsUnspecified() {
		return true
	}
	return slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool {
		return p.Addr() == listens.WithZone("") && (listens.Zone() == "" || listens.Zone() == l.name)
	})
}

func (l *link) hasIPv6() bool {
	return slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool { return p.Addr().Is6() })
}

// same reports whether nothing has changed between l and o.
func (l link) same(o link) bool {
	return l.index == o.index && l.name == o.name && l.ipv6 == o.ipv6 && slices.Equal(l.addrs, o.addrs) && slices.Equal(l.ipv4, o.ipv4)
}

func isLinkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }
