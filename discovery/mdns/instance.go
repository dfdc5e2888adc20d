package mdns

import (
	"container/list"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// maxAddrs bounds the addresses of one instance on one interface. The one heard longest ago makes room.
const maxAddrs = 8

// An instance is what was said last of one instance of our service on one interface.
type instance struct {
	spot
	key   identity.PublicKey      // zero: not known
	host  string                  // empty: not known
	port  uint16                  // the same
	addrs map[netip.Addr]*hearing // of the host

	heard time.Time     // last
	age   *list.Element // of the table's
	ends  time.Time     // when it ends, because of a goodbye; zero: it does not
	asked int           // questions since it lacks something
	doubt bool          // something was heard that need not be true: ask
}

// A hearing is when an address was heard.
type hearing struct {
	last time.Time
	ends time.Time // when it ends, because it was taken back; zero: it does not
}

// hint returns what an instance says with one of its addresses.
func (i *instance) hint(a netip.Addr) hint { return hint{i.key, netip.AddrPortFrom(a, i.port)} }

// complete reports whether it is known whose instance this is and where.
func (i *instance) complete() bool { return !i.key.IsZero() && i.host != "" && len(i.addrs) > 0 }

// owns reports whether a host has its name from the instance, as a node's has.
func (i *instance) owns(host string) bool {
	return host == hostPrefix+strings.TrimSuffix(i.name, serviceName)+domain
}

// hearAddress enters an address of an instance.
func (t *table) hearAddress(now time.Time, i *instance, a netip.Addr) {
	if i.addrs[a] == nil {
		if len(i.addrs) >= maxAddrs && !t.dropOldest(now, i) {
			return
		}
		for other := range i.addrs { // which of them is true?
			i.doubt = i.doubt || other.Is4() == a.Is4()
		}
		i.addrs[a] = new(hearing)
	}
	*i.addrs[a] = hearing{last: now}
}

// dropOldest forgets the address heard longest ago. It reports false if all were heard just now.
func (t *table) dropOldest(now time.Time, i *instance) bool {
	oldest, at := netip.Addr{}, now
	for a, have := range i.addrs {
		if have.last.Before(at) {
			oldest, at = a, have.last
		}
	}
	delete(t.reports, i.hint(oldest))
	delete(i.addrs, oldest)
	return oldest.IsValid()
}
