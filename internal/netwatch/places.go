package netwatch

import (
	"net"
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A place is an address of this machine on one of its links.
type place struct {
	index int // of the interface: one that is deleted and made again has another
	name  string
	addr  netip.Addr // with its zone if it is link-local IPv6
	bits  int        // of the prefix; the address alone decides whether there is one
}

// places is what matters of a machine's interfaces: which address it has on which link, and whether that link
// carries anything (net.FlagRunning).
type places map[place]bool

// placesOf leaves out what makes no difference: the order, repetitions, interfaces that are down, loopback
// addresses, which nobody else can reach and which do not come and go, and what is no address. The other addresses
// of a loopback interface count: a machine can be reached at them.
func placesOf(list []discovery.Interface) places {
	found := make(places)
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
			at := place{i.Index, i.Name, a, p.Bits()}
			found[at] = found[at] || i.Flags&net.FlagRunning != 0
		}
	}
	return found
}

// compare says what has changed between two snapshots. An address that has only moved is not gone: what is
// bound to it goes on. A link that carries nothing any more has changed nothing yet, as it may again in a moment,
// and what goes over it will be found dead if not; one that carries again is as good as new.
func compare(old, now places) (gone, fresh []netip.Addr) {
	for at, running := range now {
		if ran, was := old[at]; !was || running && !ran {
			fresh = append(fresh, at.addr)
		}
	}
	for at := range old {
		if !now.has(at.addr) {
			gone = append(gone, at.addr)
		}
	}
	return sorted(gone), sorted(fresh)
}

func (p places) has(a netip.Addr) bool {
	for at := range p {
		if at.addr == a {
			return true
		}
	}
	return false
}

func sorted(list []netip.Addr) []netip.Addr {
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}
