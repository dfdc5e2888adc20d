package listener

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// strangers is the table of connections that have not authenticated, by source. At a bound the oldest of the
// source that has most makes room, not the newcomer: a flood from anywhere cannot keep a peer out. The caller chooses
// ids. All operations but evictions cost the same however many there are.
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

// A limit is a bound that was reached.
type limit struct {
	name  string // as in peernet.Limits
	value int
}

// add enters a connection. If that makes another go, add returns the other's id, and the limit that demands it.
func (s *strangers) add(id string, addr netip.Addr, now time.Time) (evicted string, reached limit) {
	source := limiter.SourceOf(addr)
	if same := s.bySource[source]; len(same) >= s.mostPerSource {
		evicted, reached = same[0].id, limit{"StrangersPerSource", s.mostPerSource}
	} else if len(s.byID) >= s.most {
		evicted, reached = s.largestSource()[0].id, limit{"Strangers", s.most}
	}
	s.remove(evicted)
	st := &stranger{id, source, now}
	s.byID[id] = st
	s.bySource[source] = append(s.bySource[source], st)
	return evicted, reached
}

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
