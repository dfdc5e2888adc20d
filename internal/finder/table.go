// Package finder runs the discovery providers, one actor each, and owns the one presence table: which key was
// seen at which address by whom, and for how much longer that holds (wire.md §8). What it knows can be read from
// its Board.
package finder

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// A table is the presence table. Time is passed in. It is not safe for concurrent use.
type table struct {
	perKey, perUntrusted int             // sightings that a key may have
	random               func(n int) int // in [0, n)

	keys      map[identity.PublicKey]*keyState
	untrusted map[identity.PublicKey]bool // keys that were not trusted when they were entered, and are not since
	next      time.Time                   // when to call expire; zero: there is no need
}

// A keyState is what is known of one key. It is kept while it has a sighting or the key is connected.
type keyState struct {
	sightings  map[sightingID]*sighting
	shares     candidates.Shares // of the sightings' IP addresses
	privileges candidates.Privileges
	live       int  // sightings that are not remembered
	connected  bool // a session is up: authenticated traffic counts as presence

	// evicted limits evictions by what is heard elsewhere (Hint) and where the last session led (AtHome), which has a bucket
	// of its own: a node that has restarted on another port need not wait for what others announce.
	evicted [candidates.AtHome + 1]limiter.Bucket
}

// A sightingID is what tells a sighting of a key from the others.
type sightingID struct {
	addr   netip.AddrPort
	source string
}

// A sighting is a presence, and what is remembered of it (see flap.go). Until is when its phase ends.
type sighting struct {
	Presence
	phase   phase
	ttl     time.Duration    // of the last report; 0: its provider will say when it ends
	why     discovery.Reason // how it ends, or of doubted: how it ended
	since   time.Time        // when it came, or came back
	returns int              // how often it has come back soon after it had ended
	heard   time.Time        // when it was last heard on Interface; zero: that is still its first
}

func newTable() *table {
	return &table{perKey: MaxAddressesPerKey, perUntrusted: maxPerUntrusted, random: rand.IntN,
		keys: make(map[identity.PublicKey]*keyState), untrusted: make(map[identity.PublicKey]bool)}
}

// see enters what a provider reports, and returns what that changes. untrusted says that the key is not trusted; it
// means nothing if the table knows the key. room is false if the sighting was dropped because there is no room.
func (t *table) see(now time.Time, source string, s discovery.Sighting, untrusted bool) (changes []Change, room bool) {
	at := sightingID{unmap(s.Addr), source}
	r := t.keys[s.Key]
	var e *sighting
	if r != nil {
		e = r.sightings[at]
	}
	switch {
	case s.Gone != "":
		if e == nil || e.phase != present {
			return nil, true
		}
		return t.end(now, r, e, s.Gone), true
	case !at.addr.IsValid() || at.addr.Port() == 0 || s.TTL < 0:
		return nil, true
	case e != nil:
		return t.seeAgain(now, r, e, s), true
	}
	if r == nil {
		if r = t.addKey(s.Key, untrusted); r == nil {
			return nil, false
		}
	}
	changes, room = t.evictFor(now, r, at, s.TTL)
	if !room {
		return nil, false
	}
	e = &sighting{Presence: Presence{Key: s.Key, Addr: at.addr, Source: source}, ttl: s.TTL}
	r.sightings[at] = e
	r.shares.Add(at.addr.Addr(), 1)
	return append(changes, t.begin(now, r, e, s)), true
}

// unmap returns the one form of an address that is written in several.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// begin makes a sighting present.
func (t *table) begin(now time.Time, r *keyState, e *sighting, s discovery.Sighting) Change {
	e.phase, e.why, e.since, e.heard = present, discovery.Expired, now, time.Time{}
	e.Interface, e.First, e.Last = s.Interface, now, now
	t.extend(now, r, e)
	r.live++
	c := Change{Presence: e.Presence, Kind: Updated}
	if r.live == 1 {
		c.Kind = Found
	}
	return c
}

// seeAgain renews a sighting that the table knows.
func (t *table) seeAgain(now time.Time, r *keyState, e *sighting, s discovery.Sighting) []Change {
	e.ttl = s.TTL
	switch e.phase {
	case remembered:
		e.returns++
		return []Change{t.begin(now, r, e, s)}
	case doubted:
		e.phase, e.why, e.since = present, discovery.Expired, now
	}
	e.Last = now
	t.extend(now, r, e)
	if !e.hearOn(now, s.Interface) {
		return nil
	}
	return []Change{{Presence: e.Presence, Kind: Updated}}
}

// extend gives a presence its whole time.
func (t *table) extend(now time.Time, r *keyState, e *sighting) {
	if e.ttl == 0 || r.connected {
		e.Until = time.Time{}
		return
	}
	t.setUntil(e, now.Add(e.ttl))
}

// setUntil sets when a sighting's phase ends.
func (t *table) setUntil(e *sighting, at time.Time) {
	e.Until = at
	if t.next.IsZero() || at.Before(t.next) {
		t.next = at
	}
}

// lose ends a presence, and returns how to tell it.
func (t *table) lose(now time.Time, r *keyState, e *sighting, why discovery.Reason) Change {
	r.live--
	c := Change{Presence: e.Presence, Kind: Lost, Reason: why, Left: r.live}
	if e.ttl == 0 {
		t.forget(r, e)
	} else {
		e.phase = remembered
		t.setUntil(e, now.Add(rememberFor))
	}
	return c
}

// forget removes a sighting, if it is there, and its key with the last one.
func (t *table) forget(r *keyState, e *sighting) {
	if at := (sightingID{e.Addr, e.Source}); r.sightings[at] != nil {
		delete(r.sightings, at)
		r.shares.Add(e.Addr.Addr(), -1)
	}
	t.prune(e.Key, r)
}

// prune removes a key that has no sighting and no session.
func (t *table) prune(key identity.PublicKey, r *keyState) {
	if len(r.sightings) == 0 && !r.connected {
		delete(t.keys, key)
		delete(t.untrusted, key)
	}
}

// expire ends the phases whose time has passed, in the order of their ends. It returns what that changes, and sets next.
func (t *table) expire(now time.Time) (changes []Change) {
	for _, e := range t.collect(func(e *sighting) bool { return !e.Until.IsZero() && !now.Before(e.Until) }) {
		r := t.keys[e.Key]
		switch e.phase {
		case present:
			changes = append(changes, t.end(now, r, e, e.why)...)
		case doubted:
			changes = append(changes, t.lose(now, r, e, e.why))
		case remembered:
			t.forget(r, e)
		}
	}
	t.next = time.Time{}
	for e := range t.all() {
		if !e.Until.IsZero() {
			t.setUntil(e, e.Until)
		}
	}
	return changes
}

// withdraw ends the sightings of a provider that only that provider could end.
func (t *table) withdraw(now time.Time, source string) (changes []Change) {
	for _, e := range t.collect(func(e *sighting) bool { return e.Source == source && e.ttl == 0 && e.phase == present }) {
		changes = append(changes, t.end(now, t.keys[e.Key], e, discovery.Withdrawn)...)
	}
	return changes
}

// renew gives every presence its whole time: no provider could hear anything for a while.
func (t *table) renew(now time.Time) {
	for e := range t.all() {
		switch e.phase {
		case present:
			t.extend(now, t.keys[e.Key], e)
		case doubted:
			t.setUntil(e, now.Add(doubtFor))
		}
	}
}

// connect notes that a session with key is up. The session leads to home; addr is where this node dialled it, or zero.
func (t *table) connect(now time.Time, key identity.PublicKey, home netip.Addr, addr netip.AddrPort) {
	r := t.keys[key]
	if r == nil {
		r = t.addKey(key, false)
	}
	delete(t.untrusted, key)
	r.shares.Bound = t.perKey
	r.connected, r.privileges.Home = true, home.Unmap()
	if addr.IsValid() {
		r.privileges.Prove(unmap(addr), 1)
	}
	for _, e := range r.sightings {
		if e.phase == doubted && e.why == discovery.Expired {
			e.phase, e.since = present, now
		}
	}
	t.extendAll(now, r)
}

// disconnect notes that no session with a key is up any more.
func (t *table) disconnect(now time.Time, m Disconnected) {
	r := t.keys[m.Key]
	if r == nil || !r.connected {
		return
	}
	r.connected = false
	switch home := unmap(m.Home); {
	case !home.IsValid():
	case m.Broke:
		r.privileges.Doubt(home)
	default:
		r.privileges.Home = home.Addr()
	}
	t.extendAll(now, r)
	t.prune(m.Key, r)
}

// extendAll gives the presences of one key their whole time.
func (t *table) extendAll(now time.Time, r *keyState) {
	for _, e := range r.sightings {
		if e.phase == present {
			t.extend(now, r, e)
		}
	}
}

// trust gives a key that is trusted from now on its own room. It returns the presences of the key as changes once more, in
// the order in which they were found.
func (t *table) trust(key identity.PublicKey) (changes []Change) {
	delete(t.untrusted, key)
	if r := t.keys[key]; r != nil {
		r.shares.Bound = t.perKey
	}
	for _, p := range t.presencesOf(key) {
		changes = append(changes, Change{Presence: p, Kind: Updated})
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return a.First.Compare(b.First) })
	return changes
}

// all are the sightings of every key.
func (t *table) all() iter.Seq[*sighting] {
	return func(yield func(*sighting) bool) {
		for _, r := range t.keys {
			for _, e := range r.sightings {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// collect returns the sightings for which f holds, in the order in which their phases end.
func (t *table) collect(f func(*sighting) bool) (list []*sighting) {
	for e := range t.all() {
		if f(e) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *sighting) int {
		return cmp.Or(a.Until.Compare(b.Until), comparePresences(a.Presence, b.Presence))
	})
	return list
}
