package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
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
	last   time.Time
	ends   time.Time // when it ends, because it was taken back; zero: it does not
	untold bool      // its hint has to be reported
}

// hint returns what an instance says with one of its addresses: this key, there.
func (i *instance) hint(a netip.Addr) discovery.Sighting {
	return discovery.Sighting{Key: i.key, Addr: netip.AddrPortFrom(a, i.port)}
}

// isComplete reports whether it is known whose instance this is and where.
func (i *instance) isComplete() bool { return !i.key.IsZero() && i.host != "" && len(i.addrs) > 0 }

// owns reports whether a host has its name from the instance, as a node's has.
func (i *instance) owns(host string) bool {
	return host == hostPrefix+strings.TrimSuffix(i.name, serviceName)+domain
}

// serve enters the records of the instance itself.
func (i *instance) serve(now time.Time, s service) {
	i.heard, i.ends = now, time.Time{}
	was := *i
	if s.hasText {
		i.key = s.key
	}
	if s.host != "" {
		i.host, i.port = s.host, s.port
	}
	i.doubt = i.doubt || i.key != was.key && !was.key.IsZero() || (i.host != was.host || i.port != was.port) && was.host != ""
	if i.host != was.host {
		clear(i.addrs)
	}
	for _, have := range i.addrs {
		have.untold = have.untold || i.key != was.key || i.port != was.port
	}
}

// hearAddress enters an address. When there is no room, the one heard longest ago makes room, unless it was heard just now.
func (i *instance) hearAddress(now time.Time, a netip.Addr) {
	if i.addrs[a] == nil {
		all := slices.SortedFunc(maps.Keys(i.addrs), func(a, b netip.Addr) int { return i.addrs[a].last.Compare(i.addrs[b].last) })
		isRival := func(o netip.Addr) bool { return o.Is4() == a.Is4() } // which of them is true?
		i.doubt = i.doubt || slices.ContainsFunc(all, isRival)
		if len(all) >= maxAddrs {
			if i.addrs[all[0]].last.Equal(now) {
				return
			}
			delete(i.addrs, all[0])
		}
	}
	i.addrs[a] = &hearing{last: now, untold: true}
}

// isWanted reports whether the instance is worth a question out of turn: it is not complete, or in doubt.
func (i *instance) isWanted() bool { return i.doubt || !i.isComplete() && i.asked < maxAsked }
