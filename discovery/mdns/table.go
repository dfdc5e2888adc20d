package mdns

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
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
// come in several packets, to ask for what lacks and to report goodbyes. Of records that contradict each other the last one
// counts. All else is decided by the finder's presence table: which of forged and true addresses stay, when a hint that is not
// heard any more is lost, and on which of several interfaces it is shown. Time is passed in. A table is not safe for
// concurrent use.
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

// hear enters a message that came in on an interface, and returns its hints: the addresses in it of instances whose key and
// host are known. Hints that are taken back end later: see sweep.
func (t *table) hear(now time.Time, on discovery.Interface, m message) (list []discovery.Sighting) {
	for _, b := range m.byes {
		i := t.instances[spot{on.Name, b.name}]
		if i == nil || m.services[b.name] != nil || b.host != "" && (b.host != i.host || b.port != i.port) {
			continue // it takes back nothing that was said last, or it is a change
		}
		t.endSoon(now, i, &i.ends)
	}
	for name, s := range m.services {
		// If the TXT record is not that of a node, or is our own, all that the packet says of the instance is ignored.
		if name != t.own && (!s.hasText || !s.key.IsZero() && s.key != t.self) {
			t.instanceAt(spot{on.Name, name}).serve(now, s)
		}
	}
	left := maxFollowers
	for _, i := range t.instances {
		h := m.hosts[i.host]
		if h == nil || i.on != on.Name || i.key.IsZero() {
			continue
		}
		if !i.ownsHost() {
			if left == 0 {
				continue
			}
			left--
		}
		list = append(list, t.locate(now, on, i, h)...)
	}
	slices.SortFunc(list, compareHints)
	return slices.Compact(list)
}

// offers returns the pairings that a message offers, which hear has entered: at each address of the instance.
func (t *table) offers(on discovery.Interface, m message) (list []discovery.Offer) {
	for name, s := range m.services {
		i := t.instances[spot{on.Name, name}]
		if i == nil || s.offer == 0 || s.key.IsZero() || i.key != s.key || s.key == t.self {
			continue
		}
		for _, a := range i.addrs {
			list = append(list, discovery.Offer{Number: s.offer, Key: i.key, Addr: netip.AddrPortFrom(a.addr, i.port), Interface: on.Name})
		}
	}
	return list
}

// compareHints orders sightings by key and address.
func compareHints(a, b discovery.Sighting) int {
	return cmp.Or(a.Key.Compare(b.Key), a.Addr.Compare(b.Addr))
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
		t.instances[at] = &instance{spot: at}
	}
	return t.instances[at]
}

// locate enters what is said of an instance's host, and returns its hints, at most maxAddrs.
func (t *table) locate(now time.Time, on discovery.Interface, i *instance, h *host) (list []discovery.Sighting) {
	for _, a := range h.gone {
		a, _ := lan.AddressOn(on, a)
		if at := i.indexOf(a); at >= 0 {
			t.endSoon(now, i, &i.addrs[at].ends)
		}
	}
	for _, a := range h.addrs {
		i.heard = now
		if a, ok := lan.AddressOn(on, a); ok && len(list) < maxAddrs {
			i.hearAddress(now, a)
			list = append(list, discovery.Sighting{Key: i.key, Addr: netip.AddrPortFrom(a, i.port), Interface: i.on, TTL: t.ttl})
		}
	}
	return list
}
