package finder

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// Bounds of the presence table (wire.md §8.1). Entries that are remembered count, so that nobody gets around the bounds by
// taking back what he announces. Sightings over these bounds are dropped and counted. An address that two providers
// report counts twice.
const (
	// MaxAddressesPerKey bounds the entries of a key that is trusted. It is large, so that somebody who announces the key
	// where it is not, from many addresses, does not keep out where it is.
	MaxAddressesPerKey = 128

	maxPerStranger = 16   // entries of a key that is not trusted
	MaxStrangers   = 1024 // such keys; trusted ones have room of their own
)

// evictions limits how fast what providers hear evicts entries of one key, unless the shares of IP addresses become more
// equal by it. So somebody who announces a key at always new addresses causes no more events and dials than that.
var evictions = limiter.Rate{Burst: 8, Every: 5 * time.Second}

// admit makes the record of a new key; nil: there is no room for it.
func (t *table) admit(key identity.PublicKey, stranger bool) *record {
	bound := t.perKey
	if stranger {
		if len(t.strangers) >= MaxStrangers {
			return nil
		}
		t.strangers[key] = true
		bound = t.perStranger
	}
	r := &record{entries: make(map[slot]*entry), shares: candidates.Shares{Bound: bound}}
	t.keys[key] = r
	return r
}

// makeRoom makes room for another entry of r, and returns what that ends; false: there is no room.
func (t *table) makeRoom(now time.Time, r *record, at slot, ttl time.Duration) ([]Change, bool) {
	ip := at.addr.Addr()
	if r.shares.HasRoom(ip) {
		return nil, true
	}
	// A provider need not wait for its first entry, nor because of others. A flood is to cost little, so a sighting that has
	// to wait is not compared with all entries.
	standing := r.privileges.OfHint(ip)
	evicted := &r.evicted[candidates.Hint]
	if r.privileges.WasLast(ip) {
		evicted = &r.evicted[candidates.AtHome]
	}
	waits := ttl > 0 && r.hasSource(at.source)
	if waits && evicted.Wait(now, evictions) > 0 && !r.shares.IsPoor(ip) {
		return nil, false
	}
	equal, isFair := candidates.Evict(&r.shares, ip, standing, maps.Values(r.entries), func(e *entry) candidates.Occupant {
		return candidates.Occupant{IP: e.Addr.Addr(), Standing: r.standing(e), Own: e.Source == at.source, Doubted: e.phase == doubted,
			Quiet: e.isQuiet(now)}
	})
	if len(equal) == 0 || waits && !isFair && !evicted.Take(now, evictions) {
		return nil, false
	}
	return t.evict(now, r, t.oneOf(equal)), true
}

// oneOf returns a random one of entries, so that nobody can tell which.
func (t *table) oneOf(list []*entry) *entry {
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(a.Last.Compare(b.Last), compareSlots(a.Presence, b.Presence))
	})
	return list[t.random(len(list))]
}

// evict ends an entry so that another one has room.
func (t *table) evict(now time.Time, r *record, out *entry) (changes []Change) {
	if out.phase != remembered {
		why := discovery.Expired
		if out.phase == doubted {
			why = out.why
		}
		changes = []Change{t.lose(now, r, out, why)}
	}
	r.remove(out)
	return changes
}

// standing returns what speaks for an entry.
func (r *record) standing(e *entry) candidates.Standing {
	if e.phase == remembered {
		return candidates.Gone
	}
	return r.privileges.Standing(e.Addr, candidates.Hint)
}

// hasSource says whether a provider has an entry.
func (r *record) hasSource(source string) bool {
	for at := range r.entries {
		if at.source == source {
			return true
		}
	}
	return false
}

// isQuiet says that half of an entry's time has passed: its provider has not heard it when it should have.
func (e *entry) isQuiet(now time.Time) bool { return e.ttl > 0 && now.Sub(e.Last) > e.ttl/2 }
