package peers

import (
	"errors"
	"sync"
	"testing"
)

func TestQuotaCountsPeersAndSessions(t *testing.T) {
	for _, c := range []struct {
		name            string
		peers, sessions int
		enter           []bool // whether the session is the first of its peer
		want            string // of one more, the first of its peer; empty: there is room
		again           string // of one more of a peer that is there
	}{
		{"no bounds", 0, 0, []bool{true, true, false}, "", ""},
		{"room for one more peer", 2, 0, []bool{true, false, false}, "", ""},
		{"as many peers as may", 2, 0, []bool{true, true}, "Peers", ""},
		{"as many sessions as may", 0, 3, []bool{true, true, false}, "Sessions", "Sessions"},
		{"both", 1, 1, []bool{true}, "Peers", "Sessions"},
	} {
		q := &quota{maxPeers: c.peers, maxSessions: c.sessions}
		for _, first := range c.enter {
			if err := q.enter(first); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		for first, want := range map[bool]string{true: c.want, false: c.again} {
			for what, err := range map[string]*LimitError{"full": q.full(first), "enter": q.enter(first)} {
				if limited := err != nil; limited != (want != "") || limited && (err.What != want || !errors.Is(err, ErrFull)) {
					t.Errorf("%s: %s(%v) = %v, want %q", c.name, what, first, err, want)
				}
				if what == "enter" && err == nil {
					q.leave(first)
				}
			}
		}
	}
}

func TestQuotaGivesBackWhatHasLeft(t *testing.T) {
	q := &quota{maxPeers: 10, maxSessions: 20}
	var join sync.WaitGroup
	for range 50 {
		join.Go(func() {
			for range 1000 {
				if q.enter(true) != nil {
					continue
				}
				if q.enter(false) == nil {
					q.leave(false)
				}
				q.leave(true)
			}
		})
	}
	join.Wait()
	if q.peers != 0 || q.sessions != 0 {
		t.Errorf("%d peers and %d sessions are counted, and none is there", q.peers, q.sessions)
	}
}
