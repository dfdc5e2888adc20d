package netwatch

import (
	"net"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// An address is one of this machine's, on one of its interfaces.
type address struct {
	index int // of the interface: one that is deleted and made again has another
	name  string
	addr  netip.Addr // with its zone if it is link-local IPv6
	bits  int        // of the prefix
}

// addresses are those of a machine that matter. The value says whether the interface has a carrier (net.FlagRunning).
type addresses map[address]bool

// addressesOf leaves out what makes no difference: the order, repetitions, interfaces that are down, and invalid
// addresses. It leaves out loopback addresses, which no other machine can reach and which do not come and go. The other
// addresses of a loopback interface count: a machine can be reached at them.
func addressesOf(list []discovery.Interface) addresses {
	found := make(addresses)
	for _, i := range list {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, p := range i.Addrs {
			a := p.Addr().Unmap()
			if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() {
				continue
			}
			if a.Is6() && a.IsLinkLocalUnicast() {
				a = a.WithZone(i.Name)
			}
			key := address{i.Index, i.Name, a, p.Bits()}
			found[key] = found[key] || i.Flags&net.FlagRunning != 0
		}
	}
	return found
}

// compare returns what has changed between two snapshots. An address that has only moved is not gone: what is bound to
// it goes on. An interface that loses its carrier has changed nothing yet: the carrier may return in a moment, and
// liveness finds what is dead. An interface that regains its carrier is as good as new.
func compare(old, now addresses) (gone, fresh []netip.Addr) {
	has := make(map[netip.Addr]bool)
	for a, running := range now {
		has[a.addr] = true
		if ran, found := old[a]; !found || running && !ran {
			fresh = append(fresh, a.addr)
		}
	}
	for a := range old {
		if !has[a.addr] {
			gone = append(gone, a.addr)
		}
	}
	return sorted(gone), sorted(fresh)
}

// sorted returns list in order, each address once.
func sorted(list []netip.Addr) []netip.Addr {
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}
