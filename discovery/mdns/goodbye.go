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
)

// goodbyeGrace is how long after a goodbye a node that is still there can say so (RFC 6762 §10.1). It contradicts each goodbye
// that it hears within contradictLeast; the rest is for the packet's way. The RFC suggests a second. For that second everybody
// would dial a node that is not there.
const goodbyeGrace = contradictLeast + 100*time.Millisecond

// endEvery is the least time from a sweep to one because of a goodbye, so that a flood of them costs no more.
const endEvery = 50 * time.Millisecond

// endSoon makes an instance, or an address of one, end because it was taken back. Saying it again puts nothing off.
func (t *table) endSoon(now time.Time, i *instance, ends *time.Time) {
	if ends.IsZero() {
		*ends, i.doubt = now.Add(goodbyeGrace), true
		t.isOver(now, *ends)
	}
}

// isOver reports whether a time has come. One that is yet to come is noted; zero never comes.
func (t *table) isOver(now, at time.Time) bool {
	if now.Before(at) {
		t.nextEnd = lan.Earliest(t.nextEnd, lan.Latest(at, t.swept.Add(endEvery)))
		return false
	}
	return !at.IsZero()
}

// moved replaces the interfaces. Addresses that were heard on an interface that is gone, or are on none of its subnets any
// more, are withdrawn.
func (t *table) moved(now time.Time, using []discovery.Interface) []discovery.Sighting {
	t.using = make(map[string]discovery.Interface, len(using))
	for _, i := range using {
		t.using[i.Name] = i
	}
	return t.sweep(now)
}

// sweep drops the addresses that do not hold any more, and returns what that changes. A hint that is heard on another
// interface, or from another instance, goes on. Expiry is not reported: the presence table notices it.
func (t *table) sweep(now time.Time) (list []discovery.Sighting) {
	t.swept, t.nextEnd = now, time.Time{}
	dropped := make(map[hint]discovery.Reason)
	for _, i := range t.instances {
		for a, have := range i.addrs {
			if why := t.reasonToDrop(now, i, a, have); why != "" {
				delete(i.addrs, a)
				dropped[i.hint(a)] = why
			}
		}
		if t.isOver(now, i.ends) || len(i.addrs) == 0 && !now.Before(i.heard.Add(t.ttl)) {
			t.forget(i)
		}
	}
	held := t.held(dropped)
	for _, h := range slices.SortedFunc(maps.Keys(dropped), hint.compare) {
		last, reported := t.reports[h]
		still, holds := held[h]
		switch {
		case !reported:
		case !holds:
			delete(t.reports, h)
			if why := dropped[h]; why != discovery.Expired {
				list = append(list, discovery.Sighting{Key: h.key, Addr: h.addr, Gone: why})
			}
		case still.on != last.on:
			t.reports[h] = report{now, still.on}
			list = append(list, discovery.Sighting{Key: h.key, Addr: h.addr, Interface: still.on, TTL: t.ttl - now.Sub(still.at)})
		}
	}
	return list
}

// reasonToDrop returns why an address does not hold any more; "": it does.
func (t *table) reasonToDrop(now time.Time, i *instance, a netip.Addr, have *hearing) discovery.Reason {
	on, used := t.using[i.on]
	_, reached := lan.AddressOn(on, a)
	switch {
	case t.isOver(now, i.ends):
		return discovery.Goodbye
	case t.isOver(now, have.ends), !used, !reached:
		return discovery.Withdrawn
	case !now.Before(have.last.Add(t.ttl)):
		return discovery.Expired
	}
	return ""
}

// held returns which of some hints are still heard, where, and when last: on the interface with which the hint was reported,
// or else where it was heard last.
func (t *table) held(hints map[hint]discovery.Reason) map[hint]report {
	held := make(map[hint]report)
	for _, i := range t.instances {
		for a, have := range i.addrs {
			h := i.hint(a)
			if _, ok := hints[h]; !ok {
				continue
			}
			best, ok := held[h]
			on := t.reports[h].on
			if !ok || i.on == on || best.on != on && cmp.Or(have.last.Compare(best.at), strings.Compare(best.on, i.on)) > 0 {
				held[h] = report{have.last, i.on}
			}
		}
	}
	return held
}
