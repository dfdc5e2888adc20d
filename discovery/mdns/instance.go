package mdns

import (
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
	key   identity.PublicKey // zero: not known
	host  string             // empty: not known
	port  uint16             // the same
	addrs []hostAddr         // said since key, host and port are known; the one heard last is at the end

	heard time.Time // last
	ends  time.Time // when it ends, because of a goodbye; zero: it does not
	asked int       // questions since it lacks something
	doubt bool      // something was heard that need not be true: ask
}

// A hostAddr is an address of an instance's host.
type hostAddr struct {
	addr netip.Addr
	last time.Time // when it was heard
	ends time.Time // when it ends, because it was taken back; zero: it does not
}

// hint returns what an instance says with an address of its host: this key, there.
func (i *instance) hint(h hostAddr) discovery.Sighting {
	return discovery.Sighting{Key: i.key, Addr: netip.AddrPortFrom(h.addr, i.port)}
}

// isComplete reports whether it is known whose instance this is and where.
func (i *instance) isComplete() bool { return len(i.addrs) > 0 }

// ownsHost reports whether the host has its name from the instance, as a node's has.
func (i *instance) ownsHost() bool {
	return i.host == hostPrefix+strings.TrimSuffix(i.name, serviceName)+domain
}

// serve enters the records of the instance itself. If they are others than before, what was said of its host may not hold any
// more, and is asked for.
func (i *instance) serve(now time.Time, s *service) {
	was := *i
	i.heard, i.ends = now, time.Time{}
	if s.hasText {
		i.key = s.key
	}
	if s.host != "" {
		i.host, i.port = s.host, s.port
	}
	if i.key != was.key && !was.key.IsZero() || (i.host != was.host || i.port != was.port) && was.host != "" {
		i.doubt, i.addrs = true, nil
	}
}

// indexOf returns where an address is among those of the instance; -1: nowhere.
func (i *instance) indexOf(a netip.Addr) int {
	return slices.IndexFunc(i.addrs, func(h hostAddr) bool { return h.addr == a })
}

// hearAddress enters an address.
func (i *instance) hearAddress(now time.Time, a netip.Addr) {
	i.asked = 0
	at := i.indexOf(a)
	if at < 0 {
		isRival := func(h hostAddr) bool { return h.addr.Is4() == a.Is4() } // which of them is true?
		i.doubt = i.doubt || slices.ContainsFunc(i.addrs, isRival)
	}
	if at >= 0 || len(i.addrs) == maxAddrs {
		at = max(at, 0) // of too many the one heard longest ago goes
		i.addrs = slices.Delete(i.addrs, at, at+1)
	}
	i.addrs = append(i.addrs, hostAddr{addr: a, last: now})
}

// isWanted reports whether the instance is worth a question out of turn: it is not complete, or in doubt.
func (i *instance) isWanted() bool { return i.doubt || !i.isComplete() && i.asked < maxAsked }
