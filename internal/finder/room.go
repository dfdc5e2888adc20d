package finder

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the presence table (wire.md §8.1). What was there a moment ago and is remembered counts, so that nobody gets
// around them by taking back what he announces. What is over them is not entered, and counted. An address that two
// providers report counts twice.
const (
	// MaxAddressesPerKey bounds the places of a key that is trusted. It is large so that whoever announces one where it is
	// not, from many addresses, does not keep out where it is.
	MaxAddressesPerKey = 128

	maxPerStranger = 16   // places of a key that is not trusted
	MaxStrangers   = 1024 // such keys; trusted ones have room of their own
)

// Those at one IP address may take an eighth of a key's places, but at least minPerHost. A node has one port there, and
// another one after a restart; whoever announces more of them cannot take the room of what is elsewhere.
const (
	hostShare  = 8
	minPerHost = 4
)

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
		r := t.enter(key)
		r.bound = t.perStranger
		return r
	}
	return t.enter(key)
}

// enter makes the record of a key that is no stranger.
func (t *table) enter(key identity.PublicKey) *record {
	r := &record{places: make(map[place]*entry), hosts: make(map[netip.Addr]int), sources: make(map[string]int), bound: t.perKey}
	t.keys[key] = r
	return r
}

// makeRoom makes room for another entry of r, and returns what that ends; false: there is none.
//
// Where there is none left, IP addresses have equal shares: one with fewer places takes from one with more, and need not
// wait. That makes the shares more equal each time, so it comes to an end. What else is displaced waits for a brake.
func (t *table) makeRoom(now time.Time, r *record, at place, ttl time.Duration) ([]Change, bool) {
	host := at.addr.Addr()
	has := r.hosts[host] + 1
	crowded := has > max(minPerHost, r.bound/hostShare)
	if !crowded && len(r.places) < r.bound {
		return nil, true
	}
	// A provider need not wait for its first, nor because of others. A flood is to cost little, so what has to wait is not
	// compared with all that is there.
	waits := ttl > 0 && r.sources[at.source] > 0
	if waits && !r.brake(host).open(now) && (crowded || !r.isPoor(has)) {
		return nil, false
	}
	var out []*entry // equals, as far as displace tells
	fair := false
	for _, e := range r.places {
		if r.keeps(e, host) || crowded && e.Addr.Addr() != host {
			continue
		}
		richer := r.hosts[e.Addr.Addr()] > has && (e.phase == remembered || e.Source == at.source)
		order := -1
		if len(out) > 0 {
			order = cmp.Or(first(richer, fair), r.displace(e, out[0], at, now))
		}
		switch {
		case order < 0:
			out, fair = []*entry{e}, richer
		case order == 0:
			out = append(out, e)
		}
	}
	if len(out) == 0 || waits && !fair && !r.brake(host).pass(now) {
		return nil, false
	}
	return t.remove(now, r, t.oneOf(out)), true
}

// isPoor says whether there is an IP address that has more places than that.
func (r *record) isPoor(has int) bool {
	for _, n := range r.hosts {
		if n > has {
			return true
		}
	}
	return false
}

// put enters an entry.
func (r *record) put(at place, e *entry) {
	r.places[at] = e
	r.hosts[at.addr.Addr()]++
	r.sources[at.source]++
}

// take takes an entry out, if it is there.
func (r *record) take(at place) {
	if r.places[at] == nil {
		return
	}
	delete(r.places, at)
	if r.hosts[at.addr.Addr()]--; r.hosts[at.addr.Addr()] == 0 {
		delete(r.hosts, at.addr.Addr())
	}
	if r.sources[at.source]--; r.sources[at.source] == 0 {
		delete(r.sources, at.source)
	}
}

// keeps says whether an entry is not to be displaced by what is heard at host: where a session was dialled, and others
// where the last one has led.
func (r *record) keeps(e *entry, host netip.Addr) bool {
	return e.phase != remembered && (e.Addr == r.proved || e.Addr.Addr() == r.home && host != r.home)
}

// brake returns the one for what is heard at host. Where the last session has led has its own, so that a node that has
// restarted on another port need not wait for what others announce.
func (r *record) brake(host netip.Addr) *brake {
	if host == r.home {
		return &r.atHome
	}
	return &r.elsewhere
}

// oneOf returns a random one of entries, so that nobody can tell which.
func (t *table) oneOf(list []*entry) *entry {
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(a.Last.Compare(b.Last), a.Addr.Compare(b.Addr), cmp.Compare(a.Source, b.Source))
	})
	return list[t.random(len(list))]
}

// remove ends an entry so that another one has room.
func (t *table) remove(now time.Time, r *record, out *entry) (changes []Change) {
	if out.phase != remembered {
		why := discovery.Expired
		if out.phase == held {
			why = out.why
		}
		changes = []Change{t.lose(now, r, out, why)}
	}
	r.take(place{out.Addr, out.Source})
	return changes
}

// displace says which of two entries to displace rather for what is reported at a place: below 0 is a, 0 is either. First
// what is only remembered; then what the same provider has reported, so that a provider that is flooded displaces its own; what is
// held; what is on the host that has most; and what was not heard again when it should have been.
func (r *record) displace(a, b *entry, at place, now time.Time) int {
	hosts := func(e *entry) int { // with what is reported
		if e.Addr.Addr() == at.addr.Addr() {
			return r.hosts[e.Addr.Addr()] + 1
		}
		return r.hosts[e.Addr.Addr()]
	}
	return cmp.Or(
		first(a.phase == remembered, b.phase == remembered),
		first(a.Source == at.source, b.Source == at.source),
		first(a.phase == held, b.phase == held),
		cmp.Compare(hosts(b), hosts(a)),
		first(a.quiet(now), b.quiet(now)))
}

// quiet says that half of an entry's time has passed: its provider has not heard it when it should have.
func (e *entry) quiet(now time.Time) bool { return e.ttl > 0 && now.Sub(e.Last) > e.ttl/2 }

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

// open says whether one can pass.
func (b *brake) open(now time.Time) bool {
	return b.full.Sub(now) <= (displaceBurst-1)*displaceEvery
}

// pass lets one pass; false: none can.
func (b *brake) pass(now time.Time) bool {
	if !b.open(now) {
		return false
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(displaceEvery)
	return true
}
