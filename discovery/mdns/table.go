package mdns

import (
	"cmp"
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

const (
	// quietParts: an address that is heard again is not reported again before such a part of a period has passed.
	quietParts = 10

	// periodsUntilLost is how many periods an address holds without being heard.
	periodsUntilLost = 3
)

// A table is what was heard of other nodes. It turns messages into sightings, and keeps what it needs to report goodbyes.
// Of records that contradict each other the last one counts. The presence table, and not this one, decides between forged
// and true addresses, and notices by the TTL of a sighting that it was not repeated. Time is passed in. A table is not safe
// for concurrent use.
type table struct {
	self  identity.PublicKey
	own   string // the name of our own instance
	ttl   time.Duration
	quiet time.Duration

	using     map[string]discovery.Interface // by name
	instances map[spot]*instance
	reports   map[hint]report // the last of each hint; only hints of instances that are here
	swept     time.Time       // last
	nextEnd   time.Time       // when to sweep because of a goodbye; zero: none was heard
}

// A spot is a name on one interface. What is said on an interface holds there, so that an attacker in another network cannot
// change it.
type spot struct{ on, name string }

// A hint is what the presence table learns: this key, at this address.
type hint struct {
	key  identity.PublicKey
	addr netip.AddrPort
}

func (h hint) compare(o hint) int { return cmp.Or(h.key.Compare(o.key), h.addr.Compare(o.addr)) }

// A report is when a hint was reported, and with which interface: the first, as long as it is heard there.
type report struct {
	at time.Time
	on string
}

func newTable(self identity.PublicKey, period time.Duration) *table {
	return &table{self: self, own: nameOf(self), ttl: periodsUntilLost * period, quiet: period / quietParts,
		instances: make(map[spot]*instance), reports: make(map[hint]report)}
}

// hear enters a message that came in on an interface, and returns the hints that are new, or were not reported lately. Hints
// end later: see sweep.
func (t *table) hear(now time.Time, on string, m message) (list []discovery.Sighting) {
	if _, used := t.using[on]; !used {
		return nil
	}
	heard := make(map[*instance]bool)
	for _, b := range m.byes {
		i := t.instances[spot{on, b.name}]
		if i == nil || m.serves(b.name) || b.host != "" && (b.host != i.host || b.port != i.port) {
			continue // it takes back nothing that was said last, or it is a change
		}
		t.endSoon(now, i, &i.ends)
		heard[i] = true
	}
	for _, s := range m.services {
		// If the TXT record is not that of a node, or is our own, all that the packet says of the instance is ignored.
		if s.name != t.own && (!s.hasText || !s.key.IsZero() && s.key != t.self) {
			heard[t.serve(now, spot{on, s.name}, s)] = true
		}
	}
	hosts := make(map[spot]host, len(m.hosts))
	for _, h := range m.hosts {
		hosts[spot{on, h.name}] = h
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
		t.locate(now, i, h)
	}
	for _, i := range slices.SortedFunc(maps.Keys(heard), func(a, b *instance) int { return strings.Compare(a.name, b.name) }) {
		list = append(list, t.report(now, i)...)
	}
	return list
}

// serve enters the records of one instance, and returns it.
func (t *table) serve(now time.Time, at spot, s service) *instance {
	i := t.instances[at]
	if i == nil {
		t.makeRoom()
		i = &instance{spot: at, addrs: make(map[netip.Addr]*hearing)}
		t.instances[at] = i
	}
	i.heard, i.ends = now, time.Time{}
	if s.hasText && s.key != i.key {
		i.doubt = i.doubt || !i.key.IsZero()
		t.forgetReports(i)
		i.key = s.key
	}
	if s.host != "" && (s.host != i.host || s.port != i.port) {
		i.doubt = i.doubt || i.host != ""
		t.forgetReports(i)
		if s.host != i.host {
			clear(i.addrs)
		}
		i.host, i.port = s.host, s.port
	}
	return i
}

// locate enters the addresses of an instance's host.
func (t *table) locate(now time.Time, i *instance, h host) {
	for _, a := range h.addrs {
		if a, ok := lan.AddressOn(t.using[i.on], a); ok {
			t.hearAddress(now, i, a)
		}
		i.heard = now
	}
	for _, a := range h.gone {
		if a, ok := lan.AddressOn(t.using[i.on], a); ok && !slices.Contains(h.addrs, a.WithZone("")) {
			if have := i.addrs[a]; have != nil {
				t.endSoon(now, i, &have.ends)
			}
		}
	}
}

// report returns the hints of an instance that are to be reported: each when it is new, or was heard just now and not
// reported for some time.
func (t *table) report(now time.Time, i *instance) (list []discovery.Sighting) {
	if !i.isComplete() {
		return nil
	}
	i.asked = 0
	for _, a := range slices.SortedFunc(maps.Keys(i.addrs), netip.Addr.Compare) {
		h, heard := i.hint(a), i.addrs[a].last
		last, known := t.reports[h]
		if !known {
			last.on = i.on
		}
		left := t.ttl - now.Sub(heard) // it does not hold longer because it is reported again
		if left > 0 && (!known || heard.Equal(now) && now.Sub(last.at) >= t.quiet) {
			t.reports[h] = report{now, last.on}
			list = append(list, discovery.Sighting{Key: h.key, Addr: h.addr, Interface: last.on, TTL: left})
		}
	}
	return list
}

// makeRoom makes room for another instance.
func (t *table) makeRoom() {
	if len(t.instances) < maxInstances {
		return
	}
	all := slices.SortedFunc(maps.Values(t.instances), func(a, b *instance) int { return a.heard.Compare(b.heard) })
	for _, i := range all[:roomMade] {
		t.forget(i)
	}
}

// forget forgets an instance, without a word: what was reported of it ends by its TTL.
func (t *table) forget(i *instance) {
	t.forgetReports(i)
	delete(t.instances, i.spot)
}

// forgetReports forgets what was reported of an instance.
func (t *table) forgetReports(i *instance) {
	for a := range i.addrs {
		delete(t.reports, i.hint(a))
	}
}
