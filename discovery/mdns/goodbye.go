package mdns

import (
	"cmp"
	"slices"
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

// sweep drops the addresses that do not hold any more: those taken back, those that were heard on an interface that is not
// used any more or are on none of its subnets, and those not heard in time. It returns which hints are taken back: not those
// that are heard on another interface or from another instance, and not those that have expired, which the presence table
// notices.
func (t *table) sweep(now time.Time, using []discovery.Interface) (list []discovery.Sighting) {
	t.swept, t.nextEnd = now, time.Time{}
	gone := make(map[discovery.Sighting]discovery.Reason)
	for at, i := range t.instances {
		on := slices.IndexFunc(using, func(u discovery.Interface) bool { return u.Name == i.on })
		ends := t.isOver(now, i.ends)
		for a, have := range i.addrs {
			isThere := false
			if on >= 0 {
				_, isThere = lan.AddressOn(using[on], a)
			}
			switch {
			case ends:
				gone[i.hint(a)] = discovery.Goodbye
			case t.isOver(now, have.ends), !isThere:
				gone[i.hint(a)] = discovery.Withdrawn
			case now.Before(have.last.Add(t.ttl)):
				continue
			}
			delete(i.addrs, a)
		}
		if ends || len(i.addrs) == 0 && !now.Before(i.heard.Add(t.ttl)) {
			delete(t.instances, at)
		}
	}
	for _, i := range t.instances {
		for a := range i.addrs {
			delete(gone, i.hint(a))
		}
	}
	for hint, why := range gone {
		if hint.Gone = why; !hint.Key.IsZero() { // else it was never complete
			list = append(list, hint)
		}
	}
	slices.SortFunc(list, func(a, b discovery.Sighting) int { return cmp.Or(a.Key.Compare(b.Key), a.Addr.Compare(b.Addr)) })
	return list
}
