package mdns

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// goodbyeGrace is how long after a goodbye a node that is still there can say so (RFC 6762 §10.1). It contradicts whatever
// it hears within contradictLeast; the rest is for the packet's way. The second that the RFC suggests would be a second in
// which everybody dials a node that is not there.
const goodbyeGrace = contradictLeast + 100*time.Millisecond

// goodbye notes that an instance stops, as far as one interface is concerned, if what is taken back was said. It cannot be
// put off by saying it again.
func (t *table) goodbye(e *edit, on string, b bye) {
	i := t.instances[b.name]
	if i == nil || len(i.places) > 0 && !i.heardOn(on) {
		return
	}
	said := func(v variant[target]) bool { return v.is == target{b.host, b.port} }
	if b.host != "" && !slices.ContainsFunc(i.targets, said) {
		return
	}
	e.touch(i)
	if _, already := i.ends[on]; !already {
		i.ends[on] = e.now.Add(goodbyeGrace)
		i.doubt = true
		t.endsAt(i.ends[on])
	}
}

// takeBack notes that an address of an instance is taken back on an interface.
func (t *table) takeBack(now time.Time, i *instance, l location, on string) {
	p := i.places[l]
	if p == nil || p.via[on].IsZero() {
		return
	}
	if _, already := p.ends[on]; already {
		return
	}
	if p.ends == nil {
		p.ends = make(map[string]time.Time)
	}
	p.ends[on] = now.Add(goodbyeGrace)
	i.doubt = true
	t.endsAt(p.ends[on])
}

// endsAt notes that something ends at a time.
func (t *table) endsAt(at time.Time) {
	if t.nextEnd.IsZero() || at.Before(t.nextEnd) {
		t.nextEnd = at
	}
}

// end ends what a goodbye was said for and nothing else since: instances, then addresses.
func (t *table) end(now time.Time) []discovery.Sighting {
	t.nextEnd = time.Time{}
	return append(t.endInstances(now), t.endAddresses(now)...)
}

func (t *table) endInstances(now time.Time) []discovery.Sighting {
	e := t.edit(now)
	for _, i := range t.instances {
		for on, at := range i.ends {
			if now.Before(at) {
				t.endsAt(at)
				continue
			}
			e.touch(i)
			delete(i.ends, on)
			i.drop(func(_ *place, _ netip.Addr, via string) bool { return via == on })
			if len(i.places) == 0 {
				t.forget(e, i)
				break
			}
		}
	}
	return e.sightings(discovery.Goodbye)
}

func (t *table) endAddresses(now time.Time) []discovery.Sighting {
	e := t.edit(now)
	for _, i := range t.instances {
		for _, p := range i.places {
			for _, at := range p.ends {
				if now.Before(at) {
					t.endsAt(at)
				} else {
					e.touch(i)
				}
			}
		}
		if _, ok := e.before[i]; ok {
			i.drop(func(p *place, _ netip.Addr, on string) bool {
				at, ok := p.ends[on]
				return ok && !now.Before(at)
			})
		}
	}
	return e.sightings(discovery.Withdrawn)
}
