package mdns

import (
	"net"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// usable returns the interfaces that mDNS uses.
func usable(all []discovery.Interface, selected lan.Selection) []discovery.Interface {
	return lan.Choose(all, selected, func(i discovery.Interface, named bool) bool {
		pointToPoint := i.Flags&net.FlagPointToPoint != 0
		return i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 && len(i.Addrs) > 0 && (named || !pointToPoint)
	})
}

// listenerOn returns the first of the addresses that a node listens on at which others can reach it on an interface.
func listenerOn(i discovery.Interface, listens []netip.AddrPort) (netip.AddrPort, bool) {
	at := slices.IndexFunc(listens, func(l netip.AddrPort) bool {
		return lan.LeadsTo(i, l.Addr(), false) || lan.LeadsTo(i, l.Addr(), true)
	})
	if at < 0 {
		return netip.AddrPort{}, false
	}
	return listens[at], true
}

// leading returns those of the interfaces on which others can reach a node that listens on those addresses.
func leading(using []discovery.Interface, listens []netip.AddrPort) []discovery.Interface {
	return slices.DeleteFunc(slices.Clone(using), func(i discovery.Interface) bool {
		_, ok := listenerOn(i, listens)
		return !ok
	})
}

// same reports whether nothing has changed between two results of usable.
func same(a, b []discovery.Interface) bool { return slices.EqualFunc(a, b, lan.IsSame) }
