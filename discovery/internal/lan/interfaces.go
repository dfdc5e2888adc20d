// Package lan is what the providers that use the machine's local networks (wire.md §8) do alike: they choose interfaces
// and know which addresses are on them, open a socket for each family, count what happens, and say what to do about errors.
package lan

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// carries is what an interface must be to be used: switched on, with its cable in.
const carries = net.FlagUp | net.FlagRunning

// Choose returns the interfaces that carry packets and fit, by index, their addresses in order. fits is told whether the
// interface was named; it is not asked about one that is not selected.
func Choose(all []discovery.Interface, selected Selection, fits func(i discovery.Interface, named bool) bool) (list []discovery.Interface) {
	for _, i := range all {
		named := slices.Contains(selected.Named, i.Name)
		if i.Flags&carries == carries && (named || selected.includes(i.Name)) && fits(i, named) {
			i.Addrs = slices.SortedFunc(slices.Values(i.Addrs), netip.Prefix.Compare)
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b discovery.Interface) int { return cmp.Compare(a.Index, b.Index) })
	return list
}

// IsSame reports whether nothing has changed between two states of an interface that Choose returned.
func IsSame(a, b discovery.Interface) bool {
	return a.Index == b.Index && a.Name == b.Name && a.Flags == b.Flags && slices.Equal(a.Addrs, b.Addrs)
}

// Has reports whether an interface has an address of a family.
func Has(i discovery.Interface, ipv6 bool) bool {
	return slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr().Is6() == ipv6 })
}

// AddressOn returns an address that was heard on an interface as it is dialled: a link-local IPv6 address with its zone,
// any other without. It reports false for an address that is not on that interface's network (wire.md §8.1).
func AddressOn(i discovery.Interface, a netip.Addr) (netip.Addr, bool) {
	if IsLinkLocal6(a) {
		return a.WithZone(i.Name), Has(i, true)
	}
	a = a.WithZone("")
	return a, slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Announced returns the addresses that a node is announced at: none if it looks in silence.
func Announced(self discovery.Self) []netip.AddrPort {
	if self.ListenOnly || self.Listens == nil {
		return nil
	}
	return self.Listens()
}

// LeadsTo reports whether others on an interface's network can reach a node that listens on an address of this machine. ipv6
// is the family that they use.
func LeadsTo(i discovery.Interface, listens netip.Addr, ipv6 bool) bool {
	listens = listens.Unmap()
	if listens.IsUnspecified() {
		return Has(i, ipv6) && (listens.Is6() || !ipv6)
	}
	return listens.Is6() == ipv6 && slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool {
		return p.Addr() == listens.WithZone("") && (listens.Zone() == "" || listens.Zone() == i.Name)
	})
}

// IsLinkLocal6 reports whether an address is a link-local one of IPv6, which is on every network.
func IsLinkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// System returns an interface as the net package has it. It is good for its index, name and flags.
func System(i discovery.Interface) net.Interface {
	return net.Interface{Index: i.Index, Name: i.Name, Flags: i.Flags}
}
