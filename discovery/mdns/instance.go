package mdns

import (
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

	heard time.Time // last
	ends  time.Time // when it ends, because of a goodbye; zero: it does not
	asked int       // questions since it lacks something
	doubt bool      // something was heard that need not be true: ask
}

// A hearing is when an address was heard.
type hearing struct {
	last time.Time
	ends time.Time // when it ends, because it was taken back; zero: it does not
}

// hint returns what an instance says with one of its addresses.
func (i *instance) hint(a netip.Addr) hint { return hint{i.key, netip.AddrPortFrom(a, i.port)} }

// isComplete reports whether it is known whose instance this is and where.
func (i *instance) isComplete() bool { return !i.key.IsZero() && i.host != "" && len(i.addrs) > 0 }

// owns reports whether a host has its name from the instance, as a node's has.
func (i *instance) owns(host string) bool {
	return host == hostPrefix+strings.TrimSuffix(i.name, serviceName)+domain
}

// hearAddress enters an address of an instance. When there is no room, the one heard longest ago makes room, unless it was
// heard just now.
func (t *table) hearAddress(now time.Time, i *instance, a netip.Addr) {
	if i.addrs[a] == nil {
		oldest := a
		for other, have := range i.addrs {
			i.doubt = i.doubt || other.Is4() == a.Is4() // which of them is true?
			if oldest == a || have.last.Before(i.addrs[oldest].last) {
				oldest = other
			}
		}
		if len(i.addrs) >= maxAddrs {
			if i.addrs[oldest].last.Equal(now) {
				return
			}
			delete(t.reports, i.hint(oldest))
			delete(i.addrs, oldest)
		}
	}
	i.addrs[a] = &hearing{last: now}
}
