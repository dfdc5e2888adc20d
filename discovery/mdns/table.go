package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the table. Whoever forges records can fill it; what it forgets then is told again when it is heard again.
const (
	maxInstances = 1024 // the one heard longest ago makes room
	maxSharers   = 16   // instances that have one host; more have no addresses, so that one record does not change all
	maxAsked     = 3    // questions out of turn for what one instance lacks
)

const (
	// goodbyeGrace is how long after a goodbye a node that is still there can say so (RFC 6762 §10.1): its own answer to
	// hearing it, or another's that shares the record, comes within 120 ms. The second that the RFC suggests would be
	// a second in which everybody dials a node that is not there.
	goodbyeGrace = 250 * time.Millisecond

	// flushAfter is how long ago an address was heard that new ones of the same host, family and interface replace: RFC
	// 6762 §10.2. One packet need not hold all.
	flushAfter = time.Second

	// quietParts: an address that is heard again is not told again before such a part of a period has passed.
	quietParts = 10

	// periodsUntilLost is how many periods an address holds without being heard.
	periodsUntilLost = 3
)

// A table is what was heard of other nodes. It turns messages into sightings, and keeps what it needs to tell when
// something has changed, or ended. That an address was not heard in time is for others to notice, by the TTL of its
// sightings; the table forgets it silently then. Time is passed in. It is not safe for concurrent use.
type table struct {
	self  identity.PublicKey
	own   string // the name of our own instance
	ttl   time.Duration
	quiet time.Duration

	links     map[int]discovery.Interface // by index
	instances map[string]*instance
	hosts     map[string][]*instance // by host, in the order of their coming; at most maxSharers each
	claims    map[hint]int           // how many instances say so; what was told holds while one does
	nextEnd   time.Time              // when a goodbye counts; zero: none was said
}

func newTable(self identity.PublicKey, period time.Duration) *table {
	return &table{self: self, own: nameOf(self), ttl: periodsUntilLost * period, quiet: period / quietParts,
		instances: make(map[string]*instance), hosts: make(map[string][]*instance), claims: make(map[hint]int)}
}

// moved replaces the interfaces. What was heard on one that is gone, or of an address that is on none of its subnets any
// more, is withdrawn.
func (t *table) moved(now time.Time, using []discovery.Interface) []discovery.Sighting {
	t.links = make(map[int]discovery.Interface, len(using))
	byName := make(map[string]discovery.Interface, len(using))
	for _, i := range using {
		t.links[i.Index], byName[i.Name] = i, i
	}
	e := t.edit(now)
	for _, i := range t.instances {
		e.touch(i)
		i.drop(func(a netip.Addr, on string, _ time.Time) bool {
			link, there := byName[on]
			if there {
				_, there = dialled(link, a)
			}
			return !there
		})
		maps.DeleteFunc(i.ends, func(on string, _ time.Time) bool { return !i.heardOn(on) })
	}
	return e.sightings(discovery.Withdrawn)
}

// hear enters a message that came in on the interface with this index.
func (t *table) hear(now time.Time, index int, m message) []discovery.Sighting {
	on, ok := t.links[index]
	if !ok {
		return nil
	}
	for _, name := range m.gone {
		t.goodbye(now, on.Name, name)
	}
	e := t.edit(now)
	for _, s := range m.services {
		t.serve(e, on.Name, s)
	}
	for _, h := range m.hosts {
		for _, i := range t.hosts[h.name] {
			e.touch(i)
			locate(now, i, on, h)
		}
	}
	return e.sightings(discovery.Withdrawn)
}

// goodbye notes that an instance stops, as far as one interface is concerned. It cannot be put off by saying it again.
func (t *table) goodbye(now time.Time, on, name string) {
	i := t.instances[name]
	if i == nil || i.complete() && !i.heardOn(on) {
		return
	}
	if _, already := i.ends[on]; !already {
		i.ends[on] = now.Add(goodbyeGrace)
		if t.nextEnd.IsZero() {
			t.nextEnd = i.ends[on]
		}
	}
}

// heardOn reports whether an address of the instance is heard on an interface.
func (i *instance) heardOn(on string) bool {
	for _, p := range i.places {
		if _, ok := p.via[on]; ok {
			return true
		}
	}
	return false
}

// serve enters the records of one instance.
func (t *table) serve(e *edit, on string, s service) {
	if s.name == t.own {
		return
	}
	i := t.instances[s.name]
	if s.hasText && (s.key.IsZero() || s.key == t.self) {
		if i != nil {
			t.forget(e, i)
		}
		return
	}
	if i == nil {
		if len(t.instances) >= maxInstances {
			t.makeRoom(e.now)
		}
		i = newInstance(s.name)
		t.instances[s.name] = i
	}
	e.touch(i)
	i.heard = e.now
	delete(i.ends, on)
	if s.hasText {
		i.key = s.key
	}
	if s.host == "" {
		return
	}
	i.port = s.port
	if s.host != i.host {
		t.unlink(i)
		clear(i.places)
		i.host = s.host
		if len(t.hosts[s.host]) < maxSharers {
			t.hosts[s.host] = append(t.hosts[s.host], i)
		}
	}
}

// locate enters the addresses of an instance's host.
func locate(now time.Time, i *instance, on discovery.Interface, h host) {
	i.heard = now
	var v4, v6 bool
	for _, a := range h.addrs {
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
		if a, ok := dialled(on, a); ok {
			i.hear(now, a, on.Name)
		}
	}
	i.drop(func(a netip.Addr, via string, heard time.Time) bool {
		if via != on.Name {
			return false
		}
		replaced := now.Sub(heard) > flushAfter && (a.Is4() && v4 || a.Is6() && v6)
		return replaced || slices.Contains(h.gone, a.WithZone(""))
	})
}

// end ends what a goodbye was said for and nothing else since.
func (t *table) end(now time.Time) []discovery.Sighting {
	e := t.edit(now)
	t.nextEnd = time.Time{}
	for _, i := range t.instances {
		for on, at := range i.ends {
			if now.Before(at) {
				if t.nextEnd.IsZero() || at.Before(t.nextEnd) {
					t.nextEnd = at
				}
				continue
			}
			e.touch(i)
			delete(i.ends, on)
			i.drop(func(_ netip.Addr, via string, _ time.Time) bool { return via == on })
			if len(i.places) == 0 {
				t.forget(e, i)
			}
		}
	}
	return e.sightings(discovery.Goodbye)
}

// expire forgets what was not heard in time. What it returns is only that an address is told with another interface now.
func (t *table) expire(now time.Time) []discovery.Sighting {
	e := t.edit(now)
	for _, i := range t.instances {
		e.touch(i)
		i.drop(func(_ netip.Addr, _ string, heard time.Time) bool { return now.Sub(heard) >= t.ttl })
		if len(i.places) == 0 && now.Sub(i.heard) >= t.ttl {
			t.forget(e, i)
		}
	}
	return e.sightings("")
}

// stalest returns when that complete instance was heard which was not heard for longest; zero: there is none.
func (t *table) stalest() (oldest time.Time) {
	for _, i := range t.instances {
		if i.complete() && (oldest.IsZero() || i.heard.Before(oldest)) {
			oldest = i.heard
		}
	}
	return oldest
}

// wanting reports whether it is worth to ask out of turn, for an instance that is not complete.
func (t *table) wanting() bool {
	for _, i := range t.instances {
		if !i.complete() && i.asked < maxAsked {
			return true
		}
	}
	return false
}

// asked notes that everybody was asked.
func (t *table) asked() {
	for _, i := range t.instances {
		if i.asked++; i.complete() {
			i.asked = 0
		}
	}
}

// makeRoom forgets the instance heard longest ago, without a word: what was told of it ends by its TTL.
func (t *table) makeRoom(now time.Time) {
	var oldest *instance
	for _, i := range t.instances {
		if oldest == nil || i.heard.Before(oldest.heard) || i.heard.Equal(oldest.heard) && i.name < oldest.name {
			oldest = i
		}
	}
	e := t.edit(now)
	t.forget(e, oldest)
	e.sightings("")
}

func (t *table) forget(e *edit, i *instance) {
	e.touch(i)
	t.unlink(i)
	clear(i.places)
	delete(t.instances, i.name)
}

// unlink takes an instance from those of its host.
func (t *table) unlink(i *instance) {
	left := slices.DeleteFunc(t.hosts[i.host], func(o *instance) bool { return o == i })
	if len(left) == 0 {
		delete(t.hosts, i.host)
	} else {
		t.hosts[i.host] = left
	}
}

// An edit is one change of several instances. What they were before is noted by touch, which comes before the change of
// each; sightings returns the difference.
type edit struct {
	*table
	now    time.Time
	before map[*instance][]hint
}

func (t *table) edit(now time.Time) *edit {
	return &edit{t, now, make(map[*instance][]hint)}
}

func (e *edit) touch(i *instance) {
	if _, ok := e.before[i]; !ok {
		e.before[i] = i.hints()
	}
}

// sightings returns what the edit changes: first what is seen, then what is gone, for this reason. Empty: what is gone
// is not told. It ends the edit.
func (e *edit) sightings(why discovery.Reason) (list []discovery.Sighting) {
	changed := slices.SortedFunc(maps.Keys(e.before), func(a, b *instance) int { return strings.Compare(a.name, b.name) })
	for _, i := range changed {
		list = append(list, e.seen(i)...)
	}
	for _, i := range changed {
		after := i.hints()
		for _, h := range e.before[i] {
			if slices.Contains(after, h) {
				continue
			}
			if e.claims[h]--; e.claims[h] > 0 {
				continue
			}
			delete(e.claims, h)
			if why != "" {
				list = append(list, discovery.Sighting{Key: h.key, Addr: h.addr, Gone: why})
			}
		}
	}
	return list
}

// seen returns what is to be told of an instance's addresses: each when it is new, has another interface, or was heard
// just now and not told for some time.
func (e *edit) seen(i *instance) (list []discovery.Sighting) {
	if !i.known() {
		return nil
	}
	for _, a := range i.addresses() {
		p, h := i.places[a], i.hint(a)
		if !slices.Contains(e.before[i], h) {
			e.claims[h]++
			p.told = time.Time{}
		}
		left := e.ttl - e.now.Sub(p.heard) // what was not heard just now does not hold longer because it is told again
		if left > 0 && (p.told.IsZero() || p.as != p.on || p.heard.Equal(e.now) && e.now.Sub(p.told) >= e.quiet) {
			p.told, p.as = e.now, p.on
			list = append(list, discovery.Sighting{Key: h.key, Addr: h.addr, Interface: p.on, TTL: left})
		}
	}
	return list
}
