package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// An edit is one change of several instances. What they were before is noted by touch, which comes before the change of
// each; sightings returns the difference.
type edit struct {
	*table
	now    time.Time
	before map[*instance][]offer
}

func (t *table) edit(now time.Time) *edit {
	return &edit{t, now, make(map[*instance][]offer)}
}

func (e *edit) touch(i *instance) {
	if _, ok := e.before[i]; !ok {
		e.before[i] = i.offers()
	}
}

// sightings returns what the edit changes: first what is seen, then what is gone, for this reason. Empty: what is gone
// is not told. It ends the edit.
func (e *edit) sightings(why discovery.Reason) (list []discovery.Sighting) {
	changed := slices.SortedFunc(maps.Keys(e.before), func(a, b *instance) int { return strings.Compare(a.name, b.name) })
	after := make(map[*instance][]offer, len(changed))
	for _, i := range changed {
		after[i] = i.offers()
		list = append(list, e.seen(i, after[i])...)
		e.want(i)
	}
	for _, i := range changed {
		for _, o := range e.before[i] {
			if has(after[i], o.hint) {
				continue
			}
			delete(i.told, o.hint)
			if e.claims[o.hint]--; e.claims[o.hint] > 0 {
				continue
			}
			delete(e.claims, o.hint)
			if why != "" {
				list = append(list, discovery.Sighting{Key: o.key, Addr: o.addr, Gone: why})
			}
		}
	}
	return list
}

// has reports whether a hint is among offers, which are in the order of addresses.
func has(list []offer, h hint) bool {
	at, _ := slices.BinarySearchFunc(list, h.addr.Addr(), func(o offer, a netip.Addr) int { return o.addr.Addr().Compare(a) })
	for ; at < len(list) && list[at].addr.Addr() == h.addr.Addr(); at++ {
		if list[at].hint == h {
			return true
		}
	}
	return false
}

// seen returns what is to be told of what an instance offers: each when it is new, has another interface, or was heard
// just now and not told for some time.
func (e *edit) seen(i *instance, offers []offer) (list []discovery.Sighting) {
	for _, o := range offers {
		if !has(e.before[i], o.hint) {
			e.claims[o.hint]++
		}
		told, already := i.told[o.hint]
		left := e.ttl - e.now.Sub(o.heard) // what was not heard just now does not hold longer because it is told again
		if left > 0 && (!already || told.on != o.on || o.heard.Equal(e.now) && e.now.Sub(told.at) >= e.quiet) {
			i.told[o.hint] = telling{e.now, o.on}
			list = append(list, discovery.Sighting{Key: o.key, Addr: o.addr, Interface: o.on, TTL: left})
		}
	}
	return list
}
