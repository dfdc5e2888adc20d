package listener

import (
	"net/netip"
	"slices"
	"time"
)

// A connection that evicted another is protected for protectFor, at most a quarter of what one source may have. So peers
// behind one address that come at once do not all evict each other before their handshakes are over.
const (
	protectFor     = time.Second
	protectedShare = 4 // one of this many
)

// strangers is the table of connections that have not authenticated, by source. At a bound the oldest of the
// source that has most makes room, not the newcomer: a flood from anywhere cannot keep a peer out. The caller chooses
// ids. To remove one costs a search of its source's connections, an eviction also a search of the sources.
type strangers struct {
	all, perSource limit
	byID           map[string]*stranger
	bySource       map[netip.Prefix][]*stranger // oldest first
}

type stranger struct {
	id     string
	source netip.Prefix
	since  time.Time

	protectedUntil time.Time // not evicted before, while its source has others
}

// A limit is a bound, and what a person may change it by.
type limit struct {
	name  string
	value int
}

func newStrangers(all, perSource limit) *strangers {
	return &strangers{all: all, perSource: perSource, byID: make(map[string]*stranger), bySource: make(map[netip.Prefix][]*stranger)}
}

// add enters a connection. If that makes another go, add returns the other's id, and the limit that demands it.
func (s *strangers) add(id string, source netip.Prefix, now time.Time) (evicted string, reached limit) {
	if same := s.bySource[source]; len(same) >= s.perSource.value {
		evicted, reached = oldest(same, now).id, s.perSource
	} else if len(s.byID) >= s.all.value {
		evicted, reached = oldest(s.largestSource(), now).id, s.all
	}
	s.remove(evicted)
	st := &stranger{id: id, source: source, since: now}
	if evicted != "" && s.protected(source, now) < s.perSource.value/protectedShare {
		st.protectedUntil = now.Add(protectFor)
	}
	s.byID[id] = st
	s.bySource[source] = append(s.bySource[source], st)
	return evicted, reached
}

// protected returns how many connections of a source are not evicted now.
func (s *strangers) protected(source netip.Prefix, now time.Time) (n int) {
	for _, st := range s.bySource[source] {
		if now.Before(st.protectedUntil) {
			n++
		}
	}
	return n
}

// oldest returns the connection of a source that makes room.
func oldest(same []*stranger, now time.Time) *stranger {
	i := slices.IndexFunc(same, func(st *stranger) bool { return !now.Before(st.protectedUntil) })
	return same[max(0, i)]
}

// has says whether a connection is there.
func (s *strangers) has(id string) bool { return s.byID[id] != nil }

// remove removes a connection that has authenticated, or is gone. It returns false if there was none.
func (s *strangers) remove(id string) bool {
	st := s.byID[id]
	if st == nil {
		return false
	}
	delete(s.byID, id)
	same := s.bySource[st.source]
	i := slices.Index(same, st)
	if s.bySource[st.source] = slices.Delete(same, i, i+1); len(same) == 1 {
		delete(s.bySource, st.source)
	}
	return true
}

// largestSource returns the connections of the source that has most. Of two that have equally many, it takes the one whose
// oldest connection is older.
func (s *strangers) largestSource() (largest []*stranger) {
	for _, c := range s.bySource {
		if len(c) > len(largest) || len(c) == len(largest) && c[0].since.Before(largest[0].since) {
			largest = c
		}
	}
	return largest
}
