package peers

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of dials to addresses that are hints, of one peer: whoever can announce could otherwise have this node dial wherever,
// and as often, as he likes (wire.md §8.1).
const (
	hintBurst = 8                      // dials that may begin at once
	hintEvery = 500 * time.Millisecond // and one more each

	// One IP address is dialled so often within that time at most, wherever else is dialled.
	maxAtHost  = 4
	hostPeriod = 10 * time.Second
)

// A ledger counts the dials to hints that have begun. Where the last session has led only the bound of one IP address
// counts, so that who has restarted on another port need not wait for what others announce. Its zero value has counted none. It
// is safe for concurrent use.
type ledger struct {
	mu    sync.Mutex // guards the rest
	home  netip.Addr // where the last session has led
	begun []begun    // within hostPeriod, oldest first
	full  time.Time  // when hintBurst dials may begin at once again
}

// A begun is a dial that has begun.
type begun struct {
	host netip.Addr
	at   time.Time
}

// spend counts a dial that begins now; false: it must not.
func (l *ledger) spend(now time.Time, host netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until(now, host) > 0 {
		return false
	}
	l.begun = append(slices.DeleteFunc(l.begun, func(b begun) bool { return now.Sub(b.at) >= hostPeriod }), begun{host, now})
	if host != l.home {
		l.full = later(l.full, now).Add(hintEvery)
	}
	return true
}

// wait returns how long until a dial may begin; 0: now.
func (l *ledger) wait(now time.Time, host netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until(now, host)
}

// until is called with mu held.
func (l *ledger) until(now time.Time, host netip.Addr) (wait time.Duration) {
	n := 0
	for _, b := range slices.Backward(l.begun) {
		if b.host == host {
			if n++; n == maxAtHost {
				wait = max(0, b.at.Add(hostPeriod).Sub(now))
				break
			}
		}
	}
	if host != l.home {
		wait = max(wait, later(l.full, now).Add(hintEvery).Sub(now)-hintBurst*hintEvery)
	}
	return wait
}

// leads notes where a session leads.
func (l *ledger) leads(home netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.home = home
}

// last returns where the last session has led.
func (l *ledger) last() netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.home
}

// forget makes the bounds begin anew.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun, l.full = nil, time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// afresh is how long after a dial an IP address is as good as one that was never dialled.
const afresh = time.Minute

// A standing is what an IP address has in a queue.
type standing struct {
	dialled time.Time // when a dial there began last; zero: never, or so long ago that it does not count
	rank    float64   // random
	served  int       // its addresses that have their places in the queue
}

// queue orders hints. First comes where the last session has led, what was heard last before the rest. Then those at IP
// addresses that were not dialled within afresh, in random order, then those dialled longest ago. Of each IP address one comes
// before the second one of any other. So whoever announces a key at n IP addresses makes the way to the true one longer by n
// dials at most, and no more by announcing before it, after it, more often, or at ever other ports; and what has failed
// has its turn again although there is always something new. random is in [0, 1).
func queue(hints []*address, now time.Time, home netip.Addr, random func() float64) []*address {
	hosts := make(map[netip.Addr]*standing)
	for _, a := range hints {
		s := hosts[a.addr.Addr()]
		if s == nil {
			s = &standing{rank: random()}
			hosts[a.addr.Addr()] = s
		}
		if now.Sub(a.dialled) < afresh {
			s.dialled = later(s.dialled, a.dialled)
		}
	}
	hints = slices.Clone(hints)
	slices.SortStableFunc(hints, func(a, b *address) int {
		return cmp.Or(a.dialled.Compare(b.dialled), b.seen.Compare(a.seen))
	})
	turn := make(map[*address]int, len(hints)) // which of its IP address's it is; of home all come first
	for _, a := range hints {
		s := hosts[a.addr.Addr()]
		if turn[a] = s.served; a.addr.Addr() == home {
			turn[a] -= len(hints)
		}
		s.served++
	}
	slices.SortStableFunc(hints, func(a, b *address) int {
		x, y := hosts[a.addr.Addr()], hosts[b.addr.Addr()]
		return cmp.Or(cmp.Compare(turn[a], turn[b]), x.dialled.Compare(y.dialled), cmp.Compare(x.rank, y.rank))
	})
	return hints
}
