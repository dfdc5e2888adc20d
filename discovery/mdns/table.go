package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the table: what an attacker who forges records can make it remember and do. An instance that is forgotten is
// reported again when it is heard again.
const (
	maxInstances = 1024              // on all interfaces together
	roomMade     = maxInstances / 16 // instances forgotten when there are more: those heard longest ago
	maxFollowers = 32                // instances that follow the hosts of one packet, beside those that the hosts are named after
)

// periodsUntilLost is how many periods an address holds without being heard.
const periodsUntilLost = 3

// A table is what was heard of other nodes. It turns messages into sightings, and keeps what it needs to join records that
// come in several packets and to report goodbyes. Of records that contradict each other the last one counts. All else is
// decided by the finder's presence table: which of forged and true addresses stay, when a hint that is not heard any more is
// lost, and on which of several interfaces it is shown. Time is passed in. A table is not safe for concurrent use.
type table struct {
	self identity.PublicKey
	own  string // the name of our own instance
	ttl  time.Duration

	instances map[spot]*instance
	swept     time.Time // last
	nextEnd   time.Time // when to sweep because of a goodbye; zero: none was heard
}

// A spot is a name on one interface. What is said on an interface holds there, so that an attacker in another network cannot
// change it.
type spot struct{ on, name string }

func newTable(self identity.PublicKey, period time.Duration) *table {
	return &table{self: self, own: nameOf(self), ttl: periodsUntilLost * period, instances: make(map[spot]*instance)}
}

// hear enters a message that came in on an interface, and returns the hints that it says or makes complete. Hints end later:
// see sweep.
func (t *table) hear(now time.Time, on discovery.Interface, m message) (list []discovery.Sighting) {
	heard := make(map[*instance]bool)
	for _, b := range m.byes {
		i := t.instances[spot{on.Name, b.name}]
		if i == nil || m.serves(b.name) || b.host != "" && (b.host != i.host || b.port != i.port) {
			continue // it takes back nothing that was said last, or it is a change
		}
		t.endSoon(now, i, &i.ends)
	}
	for _, s := range m.services {
		// If the TXT record is not that of a node, or is our own, all that the packet says of the instance is ignored.
		if s.name != t.own && (!s.hasText || !s.key.IsZero() && s.key != t.self) {
			i := t.instanceAt(spot{on.Name, s.name})
			i.serve(now, s)
			heard[i] = true
		}
	}
	hosts := make(map[spot]host, len(m.hosts))
	for _, h := range m.hosts {
		hosts[spot{on.Name, h.name}] = h
	}
	left := maxFollowers
	for _, i := range t.instances {
		h, ok := hosts[spot{i.on, i.host}]
		if owns := i.owns(h.name); !ok || !owns && left == 0 {
			continue
		} else if !owns {
			left--
		}
		heard[i] = true
		t.locate(now, on, i, h)
	}
	for _, i := range slices.SortedFunc(maps.Keys(heard), func(a, b *instance) int { return strings.Compare(a.name, b.name) }) {
		list = append(list, t.report(now, i)...)
	}
	return list
}

// instanceAt returns the instance at a spot, which may be a new one.
func (t *table) instanceAt(at spot) *instance {
	if t.instances[at] == nil {
		if len(t.instances) >= maxInstances {
			all := slices.SortedFunc(maps.Values(t.instances), func(a, b *instance) int { return a.heard.Compare(b.heard) })
			for _, i := range all[:roomMade] {
				delete(t.instances, i.spot) // its hints run out
			}
		}
		t.instances[at] = &instance{spot: at, addrs: make(map[netip.Addr]*hearing)}
	}
	return t.instances[at]
}

// locate enters the addresses of an instance's host.
func (t *table) locate(now time.Time, on discovery.Interface, i *instance, h host) {
	for _, a := range h.addrs {
		if a, ok := lan.AddressOn(on, a); ok {
			i.hearAddress(now, a)
		}
		i.heard = now
	}
	for _, a := range h.gone {
		if a, ok := lan.AddressOn(on, a); ok && !slices.Contains(h.addrs, a.WithZone("")) {
			if have := i.addrs[a]; have != nil {
				t.endSoon(now, i, &have.ends)
			}
		}
	}
}

// report returns the hints of an instance that have to be reported, if it is complete.
func (t *table) report(now time.Time, i *instance) (list []discovery.Sighting) {
	if !i.isComplete() {
		return nil
	}
	i.asked = 0
	for _, a := range slices.SortedFunc(maps.Keys(i.addrs), netip.Addr.Compare) {
		have := i.addrs[a]
		left := have.last.Add(t.ttl).Sub(now) // it does not hold longer because of what else is said
		if have.untold && left > 0 {
			hint := i.hint(a)
			hint.Interface, hint.TTL = i.on, left
			list = append(list, hint)
		}
		have.untold = false
	}
	return list
}
