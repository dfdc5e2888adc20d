package mdns

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// carries is what an interface must be to be used: switched on, with its cable in, and able to multicast.
const carries = net.FlagUp | net.FlagRunning | net.FlagMulticast

// usable returns those of all interfaces that mDNS uses, by index, their addresses in order. names are as in Options.
func usable(all []discovery.Interface, names []string) (list []discovery.Interface) {
	for _, i := range all {
		switch {
		case i.Flags&carries != carries, i.Flags&net.FlagLoopback != 0, len(i.Addrs) == 0:
		case len(names) > 0 && !slices.Contains(names, i.Name):
		case len(names) == 0 && i.Flags&net.FlagPointToPoint != 0:
		default:
			i.Addrs = slices.SortedFunc(slices.Values(i.Addrs), netip.Prefix.Compare)
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b discovery.Interface) int { return cmp.Compare(a.Index, b.Index) })
	return list
}

// leading returns those of the interfaces on which others can reach a node that listens on an address: all if that is
// zero or unspecified, else those that have it; none: nobody can.
func leading(using []discovery.Interface, to netip.Addr) (list []discovery.Interface) {
	if to = to.Unmap(); !to.IsValid() || to.IsUnspecified() {
		return using
	}
	for _, i := range using {
		has := slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr() == to.WithZone("") })
		if has && (to.Zone() == "" || to.Zone() == i.Name) {
			list = append(list, i)
		}
	}
	return list
}

// same reports whether nothing has changed between two results of usable.
func same(a, b []discovery.Interface) bool {
	return slices.EqualFunc(a, b, func(a, b discovery.Interface) bool {
		return a.Index == b.Index && a.Name == b.Name && a.Flags == b.Flags && slices.Equal(a.Addrs, b.Addrs)
	})
}

// dialled returns an address that was heard on an interface as it is dialled, a link-local IPv6 address with its zone.
// It reports false for one that is not on that interface's link: wire.md §8.1.
func dialled(on discovery.Interface, a netip.Addr) (netip.Addr, bool) {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.WithZone(on.Name), slices.ContainsFunc(on.Addrs, func(p netip.Prefix) bool { return p.Addr().Is6() })
	}
	return a, slices.ContainsFunc(on.Addrs, func(p netip.Prefix) bool { return p.Contains(a) })
}

// system returns interfaces as the net package has them. They are good for their index, name and flags.
func system(list []discovery.Interface) []net.Interface {
	all := make([]net.Interface, 0, len(list))
	for _, i := range list {
		all = append(all, net.Interface{Index: i.Index, Name: i.Name, Flags: i.Flags})
	}
	return all
}
