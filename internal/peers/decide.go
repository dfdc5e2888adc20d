package peers

import (
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Decisions, as functions of what is known and of the time.

// Bounds of redialling (wire.md §7.5).
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	firstRefusal = time.Minute
	maxRefusal   = 10 * time.Minute
	conflictWait = time.Minute
	maxAddresses = 8 // of one peer; one that a handshake has proved is never evicted
	probeWithin  = time.Second
)

// An address is one place where a peer may be, and what became of it.
type address struct {
	addr     netip.AddrPort
	source   string    // who said so first
	sources  []string  // who still says so
	seen     time.Time // when somebody last said so
	proven   time.Time // when a handshake last proved the peer there; zero: never
	failures int       // in a row
	next     time.Time // not dialled before, unless somebody asks
	result   string    // of the last dial; empty: not dialled yet
}

// present says whether somebody still says that the peer is there.
func (a *address) present() bool { return len(a.sources) > 0 }

// backoff returns how long to wait after the given number of failures in a row: full jitter up to a bound
// that doubles. r is in [0, 1).
func backoff(failures int, r float64) time.Duration {
	bound := maxBackoff
	if failures < 8 {
		bound = min(maxBackoff, firstBackoff<<max(0, failures-1))
	}
	return time.Duration(r * float64(bound))
}

// order returns the addresses worth dialling now, best first: those that worked last, then those heard last.
// If there are none, wait says how long until there will be; 0: never.
func order(addrs []*address, now time.Time, ignoreBackoff bool) (ready []*address, wait time.Duration) {
	for _, a := range addrs {
		if !a.present() && a.proven.IsZero() {
			continue
		}
		if ignoreBackoff || !now.Before(a.next) {
			ready = append(ready, a)
		} else if d := a.next.Sub(now); wait == 0 || d < wait {
			wait = d
		}
	}
	slices.SortStableFunc(ready, func(a, b *address) int {
		if c := b.proven.Compare(a.proven); c != 0 {
			return c
		}
		if a.failures != b.failures {
			return a.failures - b.failures
		}
		return b.seen.Compare(a.seen)
	})
	return ready, wait
}

// evict returns the index of the address to forget when there are too many: the one unproven that was heard
// of longest ago; -1 if all are proven.
func evict(addrs []*address) int {
	worst := -1
	for i, a := range addrs {
		if !a.proven.IsZero() {
			continue
		}
		if worst < 0 || a.seen.Before(addrs[worst].seen) {
			worst = i
		}
	}
	return worst
}

// redial says whether, and after how long, to dial again once a session has ended (wire.md §6.8). refusals is
// how many in a row the peer has refused us, this one included; r is in [0, 1).
func redial(reason envelope.Reason, byPeer bool, retryAfter time.Duration, refusals int, r float64) (time.Duration, bool) {
	switch reason {
	case envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonIdle:
		return 0, false
	case envelope.ReasonRefused, envelope.ReasonRevoked:
		if !byPeer {
			return 0, false
		}
		if refusals > 4 {
			return maxRefusal, true
		}
		return min(maxRefusal, firstRefusal<<max(0, refusals-1)), true
	case envelope.ReasonConflict:
		return conflictWait, true
	case envelope.ReasonProtocol, envelope.ReasonUnresponsive, session.ReasonLost:
		retryAfter = 0 // means nothing here
	}
	if retryAfter > 0 {
		return min(retryAfter, envelope.MaxRetryAfter), true
	}
	return time.Duration(r * float64(firstBackoff)), true
}

// A verdict says what to do about two sessions to one peer.
type verdict uint8

const (
	leave    verdict = iota // the other end decides
	probeOwn                // keep the one this node initiated, if its ping is answered
	keepNew                 // the older is a duplicate
)

// arbitrate settles two sessions to one peer that are both up (wire.md §7.4): the holder of the smaller key
// decides, alone.
func arbitrate(self, remote identity.PublicKey, older, newer handshake.Role) verdict {
	switch {
	case self.Compare(remote) > 0:
		return leave
	case older == newer:
		return keepNew
	}
	return probeOwn
}
