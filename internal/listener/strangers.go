package listener

import (
	"net/netip"
	"time"
)

// Bounds of what has not authenticated yet (wire.md §9).
const (
	MaxStrangers          = 256 // connections
	MaxStrangersPerSource = 32  // of one IPv4 address or IPv6 /64
)

// strangers is the table of connections that have not authenticated, by source. At a bound the oldest of the
// source that has most makes room, not the newcomer: a flood from anywhere cannot keep a peer out. Ids are the
// caller's; all operations cost the same however many there are, but for evictions.
type strangers struct {
	most, mostPerSource int
	byID                map[string]*stranger
	bySource            map[netip.Prefix][]*stranger // oldest first
}

type stranger struct {
	id     string
	source netip.Prefix
	since  time.Time
}

func newStrangers(most, mostPerSource int) *strangers {
	return &strangers{most: most, mostPerSource: mostPerSource, byID: make(map[string]*stranger),
		bySource: make(map[netip.Prefix][]*stranger)}
}

// add enters a connection and returns the id of the one that has to go for it, "" if none has.
func (s *strangers) add(id string, addr netip.Addr, now time.Time) (evicted string) {
	source := sourceOf(addr)
	switch {
	case len(s.bySource[source]) >= s.mostPerSource:
		evicted = s.bySource[source][0].id
	case len(s.byID) >= s.most:
		evicted = s.crowd()[0].id
	}
	s.remove(evicted)
	st := &stranger{id, source, now}
	s.byID[id] = st
	s.bySource[source] = append(s.bySource[source], st)
	return evicted
}

// full returns the limit, named as in peernet.Limits, for which another connection from addr makes one go; "": none.
func (s *strangers) full(addr netip.Addr) (limit string, value int) {
	switch {
	case len(s.bySource[sourceOf(addr)]) >= s.mostPerSource:
		return "StrangersPerSource", s.mostPerSource
	case len(s.byID) >= s.most:
		return "Strangers", s.most
	}
	return "", 0
}

// remove forgets a connection, if it is there: it has authenticated, or it is gone.
func (s *strangers) remove(id string) {
	st := s.byID[id]
	if st == nil {
		return
	}
	delete(s.byID, id)
	rest := s.bySource[st.source]
	for i, other := range rest {
		if other == st {
			rest = append(rest[:i], rest[i+1:]...)
			break
		}
	}
	if len(rest) == 0 {
		delete(s.bySource, st.source)
	} else {
		s.bySource[st.source] = rest
	}
}

// crowd returns the connections of the source that has most; of two that have as many, of the one whose
// oldest is older.
func (s *strangers) crowd() (crowd []*stranger) {
	for _, c := range s.bySource {
		if len(c) > len(crowd) || len(c) == len(crowd) && c[0].since.Before(crowd[0].since) {
			crowd = c
		}
	}
	return crowd
}

// sourceOf returns what counts as one source: an IPv4 address, or the /64 that one IPv6 host can have all of.
func sourceOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // an invalid address gives the invalid prefix, a source like any other
	return p
}
