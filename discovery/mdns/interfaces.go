package mdns

import (
	"net"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// usable returns the interfaces that mDNS uses. names are as in Options.
func usable(all []discovery.Interface, names []string) []discovery.Interface {
	return lan.Choose(all, names, func(i discovery.Interface) bool {
		pointToPoint := i.Flags&net.FlagPointToPoint != 0
		return i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 && len(i.Addrs) > 0 && (len(names) > 0 || !pointToPoint)
	})
}

// leading returns those of the interfaces on which others can reach a node that listens on an address.
func leading(using []discovery.Interface, listens netip.Addr) []discovery.Interface {
	return slices.DeleteFunc(slices.Clone(using), func(i discovery.Interface) bool { return !lan.LeadsTo(i, listens) })
}

// announces reports whether a node that uses these interfaces is announced.
func announces(self discovery.Self, using []discovery.Interface) bool {
	return self.Port != 0 && !self.ListenOnly && len(leading(using, self.Addr)) > 0
}

// same reports whether nothing has changed between two results of usable.
func same(a, b []discovery.Interface) bool { return slices.EqualFunc(a, b, lan.IsSame) }
