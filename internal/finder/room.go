package finder

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the presence table (wire.md §8.1). What was there a moment ago and is remembered counts, so that nobody gets
// around them by taking back what he announces. What is over them is not entered, and counted.
const (
	MaxAddressesPerKey = 16   // places: an address that two providers report counts twice
	MaxStrangers       = 1024 // keys that are not trusted; trusted ones have room of their own
)

// maxPerHost bounds the places of one key at one IP address. A node has one port there, and another one after a
// restart; whoever announces more of them cannot take the room of what is elsewhere.
const maxPerHost = 4

// Of one key, so many entries can be displaced by what a provider hears at once, and one more every displaceEvery.
// So whoever announces a key at ever other addresses makes neither events nor dials faster than that.
const (
	displaceBurst = 8
	displaceEvery = 5 * time.Second
)

// admit makes room for a new key; nil: there is none.
func (t *table) admit(key identity.PublicKey, stranger bool) *record {
	if stranger {
		if len(t.strangers) >= MaxStrangers {
			return nil
		}
		t.strangers[key] = true
	}
	return t.enter(key)
}

func (t *table) enter(key identity.PublicKey) *record {
	r := &record{places: make(map[place]*entry)}
	t.keys[key] = r
	return r
}

// makeRoom makes room for another entry of r, and returns what that ends; false: there is none.
func (t *table) makeRoom(now time.Time, r *record, at place, ttl time.Duration) ([]Change, bool) {
	hosts, known := map[netip.Addr]int{at.addr.Addr(): 1}, false
	for p := range r.places {
		hosts[p.addr.Addr()]++
		known = known || p.source == at.source
	}
	crowded := hosts[at.addr.Addr()] > maxPerHost
	if !crowded && len(r.places) < t.perKey {
		return nil, true
	}
	var out *entry
	for _, e := range r.places {
		if e.Addr == r.proved && e.phase != remembered || crowded && e.Addr.Addr() != at.addr.Addr() {
			continue
		}
		if out == nil || displace(e, out, at.source, hosts) < 0 {
			out = e
		}
	}
	// A provider need not wait for its first, nor because of others.
	if out == nil || known && ttl > 0 && !r.displaced.pass(now) {
		return nil, false
	}
	var changes []Change
	if out.phase != remembered {
		why := discovery.Expired
		if out.phase == held {
			why = out.why
		}
		changes = []Change{t.lose(now, r, out, why)}
	}
	delete(r.places, place{out.Addr, out.Source})
	return changes, true
}

// displace says which of two entries to displace rather for what source reports: below 0 is a. First what is only
// remembered; then what source has reported itself, so that a provider that is flooded displaces its own; what is
// held; what is on the host that has most; and what was heard of longest ago.
func displace(a, b *entry, source string, hosts map[netip.Addr]int) int {
	return cmp.Or(
		first(a.phase == remembered, b.phase == remembered),
		first(a.Source == source, b.Source == source),
		first(a.phase == held, b.phase == held),
		cmp.Compare(hosts[b.Addr.Addr()], hosts[a.Addr.Addr()]),
		a.Last.Compare(b.Last),
		a.Addr.Compare(b.Addr), cmp.Compare(a.Source, b.Source))
}

// first orders what holds before what does not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// A brake lets displaceBurst pass at once, and one more every displaceEvery. Its zero value has let none pass.
type brake struct{ full time.Time } // when so many can pass at once again

func (b *brake) pass(now time.Time) bool {
	from := now
	if b.full.After(now) {
		from = b.full
	}
	if from = from.Add(displaceEvery); from.Sub(now) > displaceBurst*displaceEvery {
		return false
	}
	b.full = from
	return true
}
