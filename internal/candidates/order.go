package candidates

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// dialCounts is how long a dial counts against an IP address. After that the IP address is as good as a new one.
const dialCounts = time.Minute

// A Candidate is an address of a key, and what ranks it among the others.
type Candidate struct {
	Addr     netip.AddrPort
	Standing Standing
	Seen     time.Time // when a source last said that the peer is there
	Dialled  time.Time // when a dial there last began; zero: never
	Failures int       // in a row
	WasLast  bool      // see Privileges
}

// isQueued says whether a candidate takes turns with others.
func (c Candidate) isQueued() bool { return c.Standing == Hint || c.Standing == AtHome }

// A queue is the hints at one IP address.
type queue struct {
	dialled time.Time // when the last dial there began; zero: never, or so long ago that it does not count
	doubted int       // 1 if a session there broke, else 0
	random  float64
	length  int
}

// Order returns the candidates in the order in which to dial them: by standing. Proven ones follow the latest proof,
// named ones the fewest failures.
//
// Hints at one IP address are in a queue: those dialled longest ago first, then those heard last. One of each queue comes
// before the second of any. Queues without a dial for dialCounts come first, in random order, then those dialled longest
// ago. So a forger who announces a key at n IP addresses makes the way to the true one longer by n dials at
// most, however often and at however many ports he announces it; and an address that failed has its turn again although
// there is always a new one. random is in [0, 1).
//
// Addresses where a session broke come last, except the latest such IP address, which comes second. So an honest peer that
// was cut off returns early, and a relay that swallows messages does not keep the true address from its turn.
func (p *Privileges) Order(list []Candidate, now time.Time, random func() float64) []Candidate {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Candidate) int {
		return cmp.Or(a.Dialled.Compare(b.Dialled), b.Seen.Compare(a.Seen))
	})
	queues := make(map[netip.Addr]*queue)
	turns := make(map[netip.AddrPort]int)
	for _, c := range list {
		if !c.isQueued() {
			continue
		}
		q := queues[c.Addr.Addr()]
		if q == nil {
			q = &queue{random: random(), doubted: first(!p.isDoubted(c.Addr.Addr()))}
			queues[c.Addr.Addr()] = q
		}
		turns[c.Addr] = q.length
		q.length++
		if now.Sub(c.Dialled) < dialCounts {
			q.dialled = c.Dialled
		}
	}
	slices.SortStableFunc(list, func(a, b Candidate) int {
		switch {
		case a.Standing != b.Standing:
			return cmp.Compare(b.Standing, a.Standing)
		case a.isQueued():
			x, y := queues[a.Addr.Addr()], queues[b.Addr.Addr()]
			return cmp.Or(cmp.Compare(turns[a.Addr], turns[b.Addr]), cmp.Compare(x.doubted, y.doubted), x.dialled.Compare(y.dialled), cmp.Compare(x.random, y.random))
		case a.Standing == Proven:
			return cmp.Compare(slices.Index(p.Proven, a.Addr), slices.Index(p.Proven, b.Addr))
		case a.Standing == Named:
			return cmp.Or(cmp.Compare(a.Failures, b.Failures), b.Seen.Compare(a.Seen))
		}
		return 0
	})
	first := slices.IndexFunc(list, Candidate.isQueued)
	latest := slices.IndexFunc(list, func(c Candidate) bool { return c.Standing == Hint && p.WasLast(c.Addr.Addr()) })
	if latest > first+1 {
		c := list[latest]
		list = slices.Insert(slices.Delete(list, latest, latest+1), first+1, c)
	}
	return list
}

// Worst returns the candidate to forget when there are too many: of those of the lowest standing, the one heard of
// longest ago.
func Worst(list []Candidate) Candidate {
	return slices.MinFunc(list, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Standing, b.Standing), a.Seen.Compare(b.Seen))
	})
}
