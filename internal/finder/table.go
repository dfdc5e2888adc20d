// Package finder runs the discovery providers, one actor each, and owns the one presence table: which key was
// seen at which address by whom, and for how much longer that holds (wire.md §8).
package finder

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the presence table (wire.md §9). What is over them is not entered, and counted.
const (
	MaxAddressesPerKey = 8    // one heard of longest ago makes room
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
	keys      map[identity.PublicKey]map[place]*Presence // no inner map is empty
	strangers map[identity.PublicKey]bool                // keys that were not trusted when they were entered, nor since
	refused   uint64                                     // sightings for which there was no room
}

func newTable(trusted func(identity.PublicKey) bool) *table {
	return &table{trusted: trusted, keys: make(map[identity.PublicKey]map[place]*Presence), strangers: make(map[identity.PublicKey]bool)}
}

// see enters what a provider reports, and returns what that changes.
func (t *table) see(now time.Time, source string, s discovery.Sighting) []Change {
	addr := netip.AddrPortFrom(s.Addr.Addr().Unmap(), s.Addr.Port())
	places := t.keys[s.Key]
	at := place{addr, source}
	p := places[at]
	if s.Gone != "" {
		if p == nil {
			return nil
		}
		return []Change{t.lose(p, s.Gone)}
	}
	if !addr.IsValid() || addr.Port() == 0 || s.TTL < 0 {
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
		if !t.admit(s.Key) {
			return nil
		}
		places = make(map[place]*Presence)
		t.keys[s.Key] = places
	} else if len(places) >= MaxAddressesPerKey {
		changes = append(changes, t.lose(oldest(places, source), discovery.Expired))
	}
	p = &Presence{Key: s.Key, Addr: addr, Source: source, Interface: s.Interface, First: now, Last: now, Until: until}
	places[at] = p
	return append(changes, Change{Presence: *p, Kind: Found})
}

// admit says whether there is room for a new key.
func (t *table) admit(key identity.PublicKey) bool {
	if t.trusted(key) {
		return true
	}
	if len(t.strangers) >= MaxStrangers {
		t.refused++
		return false
	}
	t.strangers[key] = true
	return true
}

// trust gives a key that is trusted from now on its own room, and tells where it is as if that were new. The order is
// that in which it was found.
func (t *table) trust(key identity.PublicKey) (changes []Change) {
	delete(t.strangers, key)
	for _, p := range t.keys[key] {
		changes = append(changes, Change{Presence: *p, Kind: Found})
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Or(a.First.Compare(b.First), a.Addr.Compare(b.Addr)) })
	return changes
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

// withdraw forgets what one provider has seen that only that provider could end.
func (t *table) withdraw(source string) (changes []Change) {
	for _, places := range t.keys {
		for _, p := range places {
			if p.Source == source && p.Until.IsZero() {
				changes = append(changes, t.lose(p, discovery.Withdrawn))
			}
		}
	}
	return changes
}

func (t *table) lose(p *Presence, why discovery.Reason) Change {
	places := t.keys[p.Key]
	delete(places, place{p.Addr, p.Source})
	if len(places) == 0 {
		delete(t.keys, p.Key)
		delete(t.strangers, p.Key)
	}
	return Change{Presence: *p, Kind: Lost, Reason: why}
}

// oldest returns the place to make room for another that source reports: the one that it heard of longest ago, or if
// it has none, the one that anybody did. So a provider that is flooded displaces its own.
func oldest(places map[place]*Presence, source string) (o *Presence) {
	for _, p := range places {
		if o == nil {
			o = p
			continue
		}
		own, theirs := p.Source == source, o.Source == source
		if own && !theirs || own == theirs && p.Last.Before(o.Last) {
			o = p
		}
	}
	return o
}
