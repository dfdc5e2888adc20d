package mdns

import (
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

// endSoon makes an instance, or an address of one, end because it was taken back. A repeated goodbye does not extend the time.
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
	byName := make(map[string]discovery.Interface, len(using))
	for _, on := range using {
		byName[on.Name] = on
	}
	gone := make(map[discovery.Sighting]discovery.Reason)
	for at, i := range t.instances {
		ends := t.isOver(now, i.ends)
		i.addrs = slices.DeleteFunc(i.addrs, func(h hostAddr) bool {
			_, isThere := lan.AddressOn(byName[i.on], h.addr)
			switch {
			case ends:
				gone[i.hint(h)] = discovery.Goodbye
			case t.isOver(now, h.ends), !isThere:
				gone[i.hint(h)] = discovery.Withdrawn
			case now.Before(h.last.Add(t.ttl)):
				return false
			}
			return true
		})
		if ends || !now.Before(i.heard.Add(t.ttl)) {
			delete(t.instances, at)
		}
	}
	for _, i := range t.instances {
		for _, h := range i.addrs {
			delete(gone, i.hint(h))
		}
	}
	for hint, why := range gone {
		hint.Gone = why
		list = append(list, hint)
	}
	slices.SortFunc(list, compareHints)
	return list
}
