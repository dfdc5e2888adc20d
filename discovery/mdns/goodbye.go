package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// goodbyeGrace is how long after a goodbye a node that is still there can say so (RFC 6762 §10.1). It contradicts each goodbye
// that it hears within contradictLeast; the rest is for the packet's way. The RFC suggests a second. For that second everybody
// would dial a node that is not there.
const goodbyeGrace = contradictLeast + 100*time.Millisecond

// goodbye notes that an instance stops, if what is taken back was said last. Saying it again puts nothing off.
func (t *table) goodbye(now time.Time, i *instance, b bye) {
	if b.host != "" && (b.host != i.host || b.port != i.port) || !i.ends.IsZero() {
		return
	}
	i.ends, i.doubt = now.Add(goodbyeGrace), true
	t.endsAt(i.ends)
}

// takeBack notes that an address of an instance is taken back. Saying it again puts nothing off.
func (t *table) takeBack(now time.Time, i *instance, a netip.Addr) {
	have := i.addrs[a]
	if have == nil || !have.ends.IsZero() {
		return
	}
	have.ends, i.doubt = now.Add(goodbyeGrace), true
	t.endsAt(have.ends)
}

// endsAt notes that something ends at a time.
func (t *table) endsAt(at time.Time) {
	if t.nextEnd.IsZero() || at.Before(t.nextEnd) {
		t.nextEnd = at
	}
}

// end ends what was taken back and not said again since.
func (t *table) end(now time.Time) []discovery.Sighting {
	t.nextEnd = time.Time{}
	over := func(at time.Time) bool {
		if !at.IsZero() && now.Before(at) {
			t.endsAt(at)
		}
		return !at.IsZero() && !now.Before(at)
	}
	list := t.drop(now, func(i *instance, _ netip.Addr, have *hearing) discovery.Reason {
		switch {
		case over(i.ends):
			return discovery.Goodbye
		case over(have.ends):
			return discovery.Withdrawn
		}
		return ""
	})
	for _, i := range t.instances {
		if over(i.ends) {
			t.forget(i)
		}
	}
	return list
}

// moved replaces the interfaces. What was heard on one that is gone, or of an address that is on none of its subnets any
// more, is withdrawn.
func (t *table) moved(now time.Time, using []discovery.Interface) []discovery.Sighting {
	t.using = make(map[int]discovery.Interface, len(using))
	byName := make(map[string]discovery.Interface, len(using))
	for _, i := range using {
		t.using[i.Index], byName[i.Name] = i, i
	}
	return t.drop(now, func(i *instance, a netip.Addr, _ *hearing) discovery.Reason {
		if on, there := byName[i.on]; there {
			if _, there = dialled(on, a); there {
				return ""
			}
		}
		return discovery.Withdrawn
	})
}

// expire forgets what was not heard in time. What it returns is only that an address is reported with another interface now.
func (t *table) expire(now time.Time) []discovery.Sighting {
	last := now.Add(-t.ttl)
	list := t.drop(now, func(_ *instance, _ netip.Addr, have *hearing) discovery.Reason {
		if have.last.After(last) {
			return ""
		}
		return discovery.Expired
	})
	for _, i := range t.instances {
		if len(i.addrs) == 0 && !i.heard.After(last) {
			t.forget(i)
		}
	}
	return list
}

// drop ends the addresses for which why gives a reason, and returns what that changes. A hint that is heard on another
// interface, or from another instance, goes on. That something has expired is not reported: the presence table knows.
func (t *table) drop(now time.Time, why func(*instance, netip.Addr, *hearing) discovery.Reason) (list []discovery.Sighting) {
	dropped := make(map[hint]discovery.Reason)
	for _, i := range t.instances {
		for a, have := range i.addrs {
			if reason := why(i, a, have); reason != "" {
				delete(i.addrs, a)
				dropped[i.hint(a)] = reason
			}
		}
		t.want(i)
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

// held returns where those of some hints are heard that still are, and when last: on the interface with which they were
// reported, or where it was last.
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
			if !ok || i.on == on || best.on != on && (have.last.After(best.at) || have.last.Equal(best.at) && i.on < best.on) {
				held[h] = report{have.last, i.on}
			}
		}
	}
	return held
}
