package finder

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// Bounds of the presence table (wire.md §8.1). Remembered sightings count too: otherwise an attacker could get around the
// bounds by taking back what he announces. What exceeds these bounds is dropped and counted. An address that two providers
// report counts twice.
const (
	// MaxAddressesPerKey bounds the sightings of a key that is trusted. It is large, so that an attacker who announces the
	// key at many wrong addresses does not keep out the true one.
	MaxAddressesPerKey = 128

	maxPerUntrusted = 16   // sightings of a key that is not trusted
	MaxUntrusted    = 1024 // such keys; trusted ones have room of their own
)

// evictions limits how fast what providers hear evicts sightings of one key, unless the shares of IP addresses become more
// equal by it. So an attacker who announces a key at ever new addresses causes no more events and dials than that.
var evictions = limiter.Rate{Burst: 8, Every: 5 * time.Second}

// addKey enters a new key; nil: there is no room for it.
func (t *table) addKey(key identity.PublicKey, untrusted bool) *keyState {
	bound := t.perKey
	if untrusted {
		if len(t.untrusted) >= MaxUntrusted {
			return nil
		}
		t.untrusted[key] = true
		bound = t.perUntrusted
	}
	r := &keyState{sightings: make(map[sightingID]*sighting), shares: candidates.Shares{Bound: bound}}
	t.keys[key] = r
	return r
}

// evictFor evicts a sighting if r has no room for another one, and returns what that ends; false: there is no room.
func (t *table) evictFor(now time.Time, r *keyState, at sightingID, ttl time.Duration) (changes []Change, ok bool) {
	ip := at.addr.Addr()
	if r.shares.HasRoom(ip) {
		return nil, true
	}
	// The limit does not apply to a provider's first sighting, nor to one that makes the shares fairer. Check it before the
	// scan, so that a flood stays cheap.
	standing := r.privileges.OfHint(ip)
	evicted := &r.evicted[candidates.Hint]
	if r.privileges.WasLast(ip) {
		evicted = &r.evicted[candidates.AtHome]
	}
	waits := ttl > 0 && r.hasSource(at.source)
	if waits && evicted.Wait(now, evictions) > 0 && !r.shares.IsPoor(ip) {
		return nil, false
	}
	equal, isFair := candidates.Evict(&r.shares, ip, standing, maps.Values(r.sightings), func(e *sighting) candidates.Occupant {
		return candidates.Occupant{IP: e.Addr.Addr(), Standing: r.standing(e), Own: e.Source == at.source, Doubted: e.phase == doubted,
			Quiet: e.isQuiet(now)}
	})
	if len(equal) == 0 || waits && !isFair && !evicted.Take(now, evictions) {
		return nil, false
	}
	out := t.oneOf(equal)
	if out.phase != remembered {
		changes = append(changes, t.lose(now, r, out, out.why))
	}
	t.forget(r, out) // not the last one: there are others where there is no room
	return changes, true
}

// oneOf returns a random one of sightings, so that no attacker can tell which.
func (t *table) oneOf(list []*sighting) *sighting {
	slices.SortFunc(list, func(a, b *sighting) int {
		return cmp.Or(a.Last.Compare(b.Last), comparePresences(a.Presence, b.Presence))
	})
	return list[t.random(len(list))]
}

// standing returns what speaks for a sighting.
func (r *keyState) standing(e *sighting) candidates.Standing {
	if e.phase == remembered {
		return candidates.Gone
	}
	return r.privileges.Standing(e.Addr, candidates.Hint)
}

// hasSource says whether a provider has a sighting.
func (r *keyState) hasSource(source string) bool {
	for at := range r.sightings {
		if at.source == source {
			return true
		}
	}
	return false
}

// isQuiet says that half of a sighting's time has passed: its provider has not heard it when it should have.
func (e *sighting) isQuiet(now time.Time) bool { return e.ttl > 0 && now.Sub(e.Last) > e.ttl/2 }
