package mdns

import (
	"container/list"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of what is kept of one instance. What was heard longest ago makes room.
const (
	maxAddrs    = 8 // addresses
	maxVariants = 3 // keys, and as many SRV records: the true one, and what somebody may have forged
)

// A hint is what the presence table is told: this key, at this address.
type hint struct {
	key  identity.PublicKey
	addr netip.AddrPort
}

// An offer is a hint of an instance.
type offer struct {
	hint
	on    string    // the interface it is told with
	heard time.Time // last
}

// A telling is when an offer was told last, and with which interface.
type telling struct {
	at time.Time
	on string
}

// An instance is what is known of one instance of our service. Records that contradict each other are kept beside each
// other, as nobody knows which is true: what is not heard again ends by itself.
type instance struct {
	name    string
	keys    []variant[identity.PublicKey] // in the order in which they were heard; the last holds
	targets []variant[target]             // the same
	places  map[location]*place
	told    map[hint]telling
	ends    map[string]time.Time // by interface: what was heard there ends then, because of a goodbye

	heard time.Time     // last
	age   *list.Element // of the table's
	asked int           // questions since it lacks something
	doubt bool          // something was heard that need not be true: ask
}

// A variant is one of several things that were said of the same.
type variant[T comparable] struct {
	is    T
	heard time.Time // last
}

// A target is what a SRV record says.
type target struct {
	host string
	port uint16
}

// A location is an address of a host of an instance.
type location struct {
	host string
	addr netip.Addr
}

// A place is where an instance is.
type place struct {
	via   map[string]time.Time // by interface: heard there last; not empty
	ends  map[string]time.Time // by interface: what was heard there ends then, because it was taken back; may be nil
	on    string               // the interface it is told with: the first, as long as it is heard there
	heard time.Time            // last
}

func newInstance(name string) *instance {
	return &instance{name: name, places: make(map[location]*place), told: make(map[hint]telling), ends: make(map[string]time.Time)}
}

// note enters what was said now, and reports whether it is something else than before.
func note[T comparable](said []variant[T], is T, now time.Time) (after []variant[T], news bool) {
	at := slices.IndexFunc(said, func(v variant[T]) bool { return v.is == is })
	if at >= 0 {
		return append(slices.Delete(said, at, at+1), variant[T]{is, now}), false
	}
	if len(said) == maxVariants {
		said = slices.Delete(said, 0, 1)
	}
	return append(said, variant[T]{is, now}), len(said) > 0
}

// offers returns what holds of the instance, each hint once, in the order of addresses, what was said last first. There are
// at most maxVariants*maxVariants of one address, and maxAddrs times as many in all.
func (i *instance) offers() (list []offer) {
	if len(i.keys) == 0 || len(i.targets) == 0 {
		return nil
	}
	list = make([]offer, 0, len(i.places)*len(i.targets)*len(i.keys))
	at := 0 // where those of an address begin
	for _, l := range i.locations() {
		p := i.places[l]
		if at < len(list) && list[at].addr.Addr() != l.addr {
			at = len(list)
		}
		for _, t := range slices.Backward(i.targets) {
			if t.is.host != l.host {
				continue
			}
			for _, k := range slices.Backward(i.keys) {
				o := offer{hint{k.is, netip.AddrPortFrom(l.addr, t.is.port)}, p.on, i.held(p, k.heard, t.heard)}
				list = append(list[:at], offered(list[at:], o)...)
			}
		}
	}
	return list
}

// offered adds an offer. Two hosts may have one address; the offer that holds longer counts.
func offered(list []offer, o offer) []offer {
	at := slices.IndexFunc(list, func(have offer) bool { return have.hint == o.hint })
	if at < 0 {
		return append(list, o)
	}
	if o.heard.After(list[at].heard) {
		list[at] = o
	}
	return list
}

// held returns when an offer was heard last: its address. But what was replaced is not confirmed by that.
func (i *instance) held(p *place, key, target time.Time) time.Time {
	at := p.heard
	if key.Before(i.keys[len(i.keys)-1].heard) && key.Before(at) {
		at = key
	}
	if target.Before(i.targets[len(i.targets)-1].heard) && target.Before(at) {
		at = target
	}
	return at
}

// locations returns the keys of places in order.
func (i *instance) locations() []location {
	return slices.SortedFunc(maps.Keys(i.places), func(a, b location) int {
		if c := a.addr.Compare(b.addr); c != 0 {
			return c
		}
		return strings.Compare(a.host, b.host)
	})
}

// complete reports whether it is known whose instance this is and where, as was said last.
func (i *instance) complete() bool {
	if len(i.keys) == 0 || len(i.targets) == 0 {
		return false
	}
	for l := range i.places {
		if l.host == i.targets[len(i.targets)-1].is.host {
			return true
		}
	}
	return false
}

// onHost reports whether a SRV record of the instance names a host.
func (i *instance) onHost(name string) bool {
	return slices.ContainsFunc(i.targets, func(t variant[target]) bool { return t.is.host == name })
}

// stale reports whether something of the instance was not heard after a time.
func (i *instance) stale(last time.Time) bool {
	for _, p := range i.places {
		for _, heard := range p.via {
			if !heard.After(last) {
				return true
			}
		}
	}
	return !i.heard.After(last) || len(i.keys) > 1 && !i.keys[0].heard.After(last) || len(i.targets) > 1 && !i.targets[0].heard.After(last)
}

// owns reports whether a host has its name from the instance, as a node's has.
func (i *instance) owns(host string) bool {
	return host == hostPrefix+strings.TrimSuffix(i.name, serviceName)+domain
}

// heardOn reports whether an address of the instance is heard on an interface.
func (i *instance) heardOn(on string) bool {
	for _, p := range i.places {
		if _, ok := p.via[on]; ok {
			return true
		}
	}
	return false
}

// hear notes that an address was heard on an interface.
func (i *instance) hear(now time.Time, l location, on string) {
	p := i.places[l]
	if p == nil {
		if len(i.places) >= maxAddrs && !i.makeRoom(now) {
			return
		}
		i.doubt = i.doubt || i.rivals(l, on)
		p = &place{via: make(map[string]time.Time), on: on}
		i.places[l] = p
	}
	p.via[on], p.heard = now, now
	delete(p.ends, on)
}

// rivals reports whether there are other addresses of the same family on an interface.
func (i *instance) rivals(l location, on string) bool {
	for other, p := range i.places {
		if _, ok := p.via[on]; ok && other.addr.Is4() == l.addr.Is4() {
			return true
		}
	}
	return false
}

// makeRoom forgets the place heard longest ago. It reports false if all were heard just now.
func (i *instance) makeRoom(now time.Time) bool {
	var oldest location
	for _, l := range i.locations() {
		if !oldest.addr.IsValid() || i.places[l].heard.Before(i.places[oldest].heard) {
			oldest = l
		}
	}
	if !i.places[oldest].heard.Before(now) {
		return false
	}
	delete(i.places, oldest)
	return true
}

// drop ends what was heard of addresses on interfaces, if over says so. A place that is not heard on any other interface
// goes; one that is, is told with the one where it was heard last.
func (i *instance) drop(over func(p *place, a netip.Addr, on string) bool) {
	for l, p := range i.places {
		maps.DeleteFunc(p.via, func(on string, _ time.Time) bool { return over(p, l.addr, on) })
		maps.DeleteFunc(p.ends, func(on string, _ time.Time) bool { return p.via[on].IsZero() })
		if len(p.via) == 0 {
			delete(i.places, l)
			continue
		}
		if _, still := p.via[p.on]; still {
			continue
		}
		p.on = ""
		for _, on := range slices.Sorted(maps.Keys(p.via)) {
			if p.on == "" || p.via[on].After(p.via[p.on]) {
				p.on = on
			}
		}
	}
}
