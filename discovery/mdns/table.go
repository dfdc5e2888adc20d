package mdns

import (
	"cmp"
	"container/list"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Bounds of the table. Whoever forges records can fill it; what it forgets then is told again when it is heard again.
const (
	maxInstances = 1024 // the one heard longest ago makes room
	maxSharers   = 16   // instances that have one host; more have no addresses, so that one record does not change all
	maxFollowers = 32   // instances that follow the hosts of one packet, so that one with many hosts does not change all
	maxAsked     = 3    // questions out of turn for what one instance lacks
	maxLookUps   = 8    // instances asked about at once; if it is more, everybody is asked
)

const (
	// quietParts: an address that is heard again is not told again before such a part of a period has passed.
	quietParts = 10

	// periodsUntilLost is how many periods an address holds without being heard.
	periodsUntilLost = 3
)

// A table is what was heard of other nodes. It turns messages into sightings, and keeps what it needs to tell when
// something has ended. That an address was not heard in time, or was replaced, is for others to notice, by the TTL of its
// sightings; the table forgets it silently then. Time is passed in. It is not safe for concurrent use.
type table struct {
	self  identity.PublicKey
	own   string // the name of our own instance
	ttl   time.Duration
	quiet time.Duration

	links     map[int]discovery.Interface // by index
	instances map[string]*instance
	ages      *list.List             // of *instance: the one heard longest ago is the first
	hosts     map[string][]*instance // by host, in the order of their coming; at most maxSharers each, and its own
	wants     map[*instance]bool     // those that are worth a question out of turn
	claims    map[hint]int           // how many instances say so; what was told holds while one does
	nextEnd   time.Time              // when a goodbye counts; zero: none was said
}

func newTable(self identity.PublicKey, period time.Duration) *table {
	return &table{self: self, own: nameOf(self), ttl: periodsUntilLost * period, quiet: period / quietParts,
		instances: make(map[string]*instance), ages: list.New(), hosts: make(map[string][]*instance),
		wants: make(map[*instance]bool), claims: make(map[hint]int)}
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
		i.drop(func(_ *place, a netip.Addr, on string) bool {
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

// hear enters a message that came in on the interface with this index. It takes nothing back: see end.
func (t *table) hear(now time.Time, index int, m message) []discovery.Sighting {
	on, ok := t.links[index]
	if !ok {
		return nil
	}
	e := t.edit(now)
	for _, b := range m.byes {
		if !m.serves(b.name) { // else it is a change
			t.goodbye(e, on.Name, b)
		}
	}
	for _, s := range m.services {
		t.serve(e, on.Name, s)
	}
	left := maxFollowers
	for _, h := range m.hosts {
		for _, i := range t.hosts[h.name][:min(left, len(t.hosts[h.name]))] {
			left--
			e.touch(i)
			t.locate(e, i, on, h)
		}
	}
	return e.sightings("")
}

// serve enters the records of one instance. One whose TXT record is not that of a node, or is our own, says nothing.
func (t *table) serve(e *edit, on string, s service) {
	if s.name == t.own || s.hasText && (s.key.IsZero() || s.key == t.self) {
		return
	}
	i := t.instances[s.name]
	if i == nil {
		if len(t.instances) >= maxInstances {
			t.makeRoom(e.now)
		}
		i = newInstance(s.name)
		i.age = t.ages.PushBack(i)
		t.instances[s.name] = i
	}
	e.touch(i)
	t.heard(e.now, i)
	delete(i.ends, on)
	var otherKey, otherTarget bool
	if s.hasText {
		i.keys, otherKey = note(i.keys, s.key, e.now)
	}
	if s.host != "" {
		before := i.targets
		i.targets, otherTarget = note(slices.Clone(before), target{s.host, s.port}, e.now)
		t.relink(i, before)
	}
	i.doubt = i.doubt || otherKey || otherTarget
}

// locate enters the addresses of an instance's host.
func (t *table) locate(e *edit, i *instance, on discovery.Interface, h host) {
	for _, a := range h.addrs {
		if a, ok := dialled(on, a); ok {
			i.hear(e.now, location{h.name, a}, on.Name)
		}
	}
	if len(h.addrs) > 0 {
		t.heard(e.now, i)
	}
	for _, a := range h.gone {
		if a, ok := dialled(on, a); ok && !slices.Contains(h.addrs, a.WithZone("")) {
			t.takeBack(e.now, i, location{h.name, a}, on.Name)
		}
	}
}

// heard notes that an instance is heard now.
func (t *table) heard(now time.Time, i *instance) {
	i.heard = now
	t.ages.MoveToBack(i.age)
}

// expire forgets what was not heard in time. What it returns is only that an address is told with another interface now.
func (t *table) expire(now time.Time) []discovery.Sighting {
	e := t.edit(now)
	last := now.Add(-t.ttl)
	for _, i := range t.instances {
		if !i.stale(last) {
			continue
		}
		e.touch(i)
		i.drop(func(p *place, _ netip.Addr, on string) bool { return !p.via[on].After(last) })
		if len(i.places) == 0 && !i.heard.After(last) {
			t.forget(e, i)
			continue
		}
		i.keys = current(i.keys, last)
		before := i.targets
		i.targets = current(before, last)
		t.relink(i, before)
	}
	return e.sightings("")
}

// current returns the variants that were heard after a time, and the last.
func current[T comparable](said []variant[T], after time.Time) (left []variant[T]) {
	for n, v := range said {
		if n == len(said)-1 || v.heard.After(after) {
			left = append(left, v)
		}
	}
	return left
}

// stalest returns when that complete instance was heard which was not heard for longest; zero: there is none.
func (t *table) stalest() time.Time {
	for e := t.ages.Front(); e != nil; e = e.Next() {
		if i := e.Value.(*instance); i.complete() {
			return i.heard
		}
	}
	return time.Time{}
}

// A wanted is what is asked about out of turn.
type wanted struct {
	instance string
	host     string // empty: not known
}

// wanting reports whether it is worth to ask out of turn, for an instance that is not complete, or in doubt.
func (t *table) wanting() bool { return len(t.wants) > 0 }

// want notes whether an instance is worth a question out of turn.
func (t *table) want(i *instance) {
	if i.complete() {
		i.asked = 0
	}
	if t.instances[i.name] == i && (i.doubt || !i.complete() && i.asked < maxAsked) {
		t.wants[i] = true
	} else {
		delete(t.wants, i)
	}
}

// ask returns what to ask about, in order, and notes that it is asked; nil: too much, so that everybody is to be asked.
func (t *table) ask() (list []wanted) {
	if len(t.wants) <= maxLookUps {
		for i := range t.wants {
			w := wanted{instance: i.name}
			if len(i.targets) > 0 {
				w.host = i.targets[len(i.targets)-1].is.host
			}
			list = append(list, w)
		}
		slices.SortFunc(list, func(a, b wanted) int { return cmp.Compare(a.instance, b.instance) })
	}
	t.asked()
	return list
}

// asked notes that everybody is asked.
func (t *table) asked() {
	for i := range t.wants {
		i.asked++
		i.doubt = false
		t.want(i)
	}
}

// makeRoom forgets the instance heard longest ago, without a word: what was told of it ends by its TTL.
func (t *table) makeRoom(now time.Time) {
	e := t.edit(now)
	t.forget(e, t.ages.Front().Value.(*instance))
	e.sightings("")
}

func (t *table) forget(e *edit, i *instance) {
	e.touch(i)
	before := i.targets
	i.targets = nil
	t.relink(i, before)
	delete(t.instances, i.name)
	t.ages.Remove(i.age)
}

// relink makes an instance follow the addresses of its hosts, and no others, after a change of its targets. The one that
// has its name from the host (wire.md §8.2) always does.
func (t *table) relink(i *instance, before []variant[target]) {
	for _, b := range before {
		if name := b.is.host; !i.onHost(name) {
			t.unlink(i, name)
		}
	}
	for _, v := range i.targets {
		name := v.is.host
		if list := t.hosts[name]; !slices.Contains(list, i) && (len(list) < maxSharers || i.owns(name)) {
			t.hosts[name] = append(list, i)
		}
	}
}

// unlink takes an instance from those of a host, if it is one.
func (t *table) unlink(i *instance, host string) {
	maps.DeleteFunc(i.places, func(l location, _ *place) bool { return l.host == host })
	left := slices.DeleteFunc(t.hosts[host], func(o *instance) bool { return o == i })
	if len(left) == 0 {
		delete(t.hosts, host)
	} else {
		t.hosts[host] = left
	}
}
