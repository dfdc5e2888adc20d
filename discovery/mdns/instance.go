package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// maxAddrs bounds the addresses of one instance. The one heard longest ago makes room.
const maxAddrs = 8

// A hint is what the presence table is told: this key, at this address.
type hint struct {
	key  identity.PublicKey
	addr netip.AddrPort
}

// An instance is what is known of one instance of our service.
type instance struct {
	name   string
	key    identity.PublicKey // zero: not known yet
	host   string             // empty: not known yet
	port   uint16             // 0: not known yet
	heard  time.Time          // last
	asked  int                // questions since it lacks something
	places map[netip.Addr]*place
	ends   map[string]time.Time // by interface: what was heard there ends then, because of a goodbye
}

// A place is an address of an instance.
type place struct {
	via   map[string]time.Time // by interface: heard there last; not empty
	on    string               // the interface it is told with: the first, as long as it is heard there
	heard time.Time            // last
	told  time.Time            // last; zero: not yet, or as something else
	as    string               // the interface it was told with
}

func newInstance(name string) *instance {
	return &instance{name: name, places: make(map[netip.Addr]*place), ends: make(map[string]time.Time)}
}

// complete reports whether it is known whose instance this is and where.
func (i *instance) complete() bool { return i.known() && len(i.places) > 0 }

func (i *instance) known() bool { return !i.key.IsZero() && i.port != 0 }

// hints returns what holds of the instance, in order.
func (i *instance) hints() (list []hint) {
	if !i.known() {
		return nil
	}
	for _, a := range i.addresses() {
		list = append(list, i.hint(a))
	}
	return list
}

// addresses returns the keys of places in order.
func (i *instance) addresses() []netip.Addr {
	return slices.SortedFunc(maps.Keys(i.places), netip.Addr.Compare)
}

func (i *instance) hint(a netip.Addr) hint { return hint{i.key, netip.AddrPortFrom(a, i.port)} }

// hear notes that an address was heard on an interface.
func (i *instance) hear(now time.Time, a netip.Addr, on string) {
	p := i.places[a]
	if p == nil {
		if len(i.places) >= maxAddrs && !i.makeRoom(now) {
			return
		}
		p = &place{via: make(map[string]time.Time), on: on}
		i.places[a] = p
	}
	p.via[on], p.heard = now, now
}

// makeRoom forgets the place heard longest ago. It reports false if all were heard just now.
func (i *instance) makeRoom(now time.Time) bool {
	var oldest netip.Addr
	for _, a := range i.addresses() {
		if !oldest.IsValid() || i.places[a].heard.Before(i.places[oldest].heard) {
			oldest = a
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
func (i *instance) drop(over func(a netip.Addr, on string, heard time.Time) bool) {
	for a, p := range i.places {
		maps.DeleteFunc(p.via, func(on string, heard time.Time) bool { return over(a, on, heard) })
		if len(p.via) == 0 {
			delete(i.places, a)
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
