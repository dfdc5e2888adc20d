// Package finder runs the discovery providers, one actor each, and owns the one presence table: which key was
// seen at which address by whom, and for how much longer that holds (wire.md §8).
package finder

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the presence table (wire.md §9). What is over them is not entered, and counted.
const (
	MaxAddressesPerKey = 8    // the one heard of longest ago makes room
	MaxStrangers       = 1024 // keys that are not trusted; trusted ones have room of their own
)

// A Presence is one address at which one provider saw a key.
type Presence struct {
	Key       identity.PublicKey
	Addr      netip.AddrPort
	Source    string // the provider
	Interface string
	First     time.Time
	Last      time.Time
	Until     time.Time // zero: until it is withdrawn
}

// A Change is what became of a presence.
type Change struct {
	Presence
	Kind   ChangeKind
	Reason discovery.Reason // of Lost
}

// A ChangeKind is one of Found, Updated and Lost.
type ChangeKind uint8

// Kinds of changes. Updated is another interface; that something is heard again is no change.
const (
	Found ChangeKind = iota
	Updated
	Lost
)

// A place is what a presence is known by.
type place struct {
	addr   netip.AddrPort
	source string
}

// A table is the presence table. Time is passed in. It is not safe for concurrent use.
type table struct {
	trusted   func(identity.PublicKey) bool
	keys      map[identity.PublicKey]map[place]*Presence
	strangers int // keys that were not trusted when they were entered
	counted   map[identity.PublicKey]bool
	refused   uint64 // sightings for which there was no room
}

func newTable(trusted func(identity.PublicKey) bool) *table {
	return &table{trusted: trusted, keys: make(map[identity.PublicKey]map[place]*Presence), counted: make(map[identity.PublicKey]bool)}
}

// see enters what a provider reports, and returns what that changes.
func (t *table) see(now time.Time, source string, s discovery.Sighting) []Change {
	at := place{s.Addr, source}
	places := t.keys[s.Key]
	p := places[at]
	if s.Gone != "" {
		if p == nil {
			return nil
		}
		return []Change{t.lose(p, s.Gone)}
	}
	if !s.Addr.IsValid() || s.Addr.Port() == 0 {
		return nil
	}
	var until time.Time
	if s.TTL > 0 {
		until = now.Add(s.TTL)
	}
	if p != nil {
		p.Last, p.Until = now, until
		if p.Interface == s.Interface {
			return nil
		}
		p.Interface = s.Interface
		return []Change{{Presence: *p, Kind: Updated}}
	}
	var changes []Change
	if places == nil {
		if !t.trusted(s.Key) {
			if t.strangers >= MaxStrangers {
				t.refused++
				return nil
			}
			t.strangers++
			t.counted[s.Key] = true
		}
		places = make(map[place]*Presence)
		t.keys[s.Key] = places
	} else if len(places) >= MaxAddressesPerKey {
		changes = append(changes, t.lose(oldest(places), discovery.Expired))
		t.keys[s.Key] = places // lose forgets a key whose last place it was
	}
	p = &Presence{Key: s.Key, Addr: s.Addr, Source: source, Interface: s.Interface, First: now, Last: now, Until: until}
	places[at] = p
	return append(changes, Change{Presence: *p, Kind: Found})
}

// expire returns what has not been heard of in time, and when to look again; zero: nothing will expire.
func (t *table) expire(now time.Time) (changes []Change, next time.Time) {
	for _, places := range t.keys {
		for _, p := range places {
			switch {
			case p.Until.IsZero():
			case !now.Before(p.Until):
				changes = append(changes, t.lose(p, discovery.Expired))
			case next.IsZero() || p.Until.Before(next):
				next = p.Until
			}
		}
	}
	return changes, next
}

// withdraw forgets all that one provider has seen.
func (t *table) withdraw(source string) (changes []Change) {
	for _, places := range t.keys {
		for _, p := range places {
			if p.Source == source {
				changes = append(changes, t.lose(p, discovery.Withdrawn))
			}
		}
	}
	return changes
}

// known returns where a key is now.
func (t *table) known(key identity.PublicKey) (all []Presence) {
	for _, p := range t.keys[key] {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Presence) int { return a.First.Compare(b.First) })
	return all
}

func (t *table) lose(p *Presence, why discovery.Reason) Change {
	places := t.keys[p.Key]
	delete(places, place{p.Addr, p.Source})
	if len(places) == 0 {
		delete(t.keys, p.Key)
		if t.counted[p.Key] {
			delete(t.counted, p.Key)
			t.strangers--
		}
	}
	return Change{Presence: *p, Kind: Lost, Reason: why}
}

func oldest(places map[place]*Presence) (o *Presence) {
	for _, p := range places {
		if o == nil || p.Last.Before(o.Last) {
			o = p
		}
	}
	return o
}
