package peers

import (
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// When to dial again, as functions of what is known.

// Bounds of redialling (wire.md §6.8, §7.5).
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	firstRefusal = time.Minute
	maxRefusal   = 10 * time.Minute
	conflictWait = time.Minute
	steadyAfter  = maxBackoff // a session that lasts so long has not failed
)

// fullWait is at least how long a peer waits while the node is at its limit of peers or sessions, whether it dials or
// is dialled.
const fullWait = 30 * time.Second

// backoff returns how long to wait after the given number of failures in a row: full jitter up to a bound
// that doubles. r is in [0, 1).
func backoff(failures int, r float64) time.Duration {
	bound := maxBackoff
	if failures < 8 {
		bound = min(maxBackoff, firstBackoff<<max(0, failures-1))
	}
	return time.Duration(r * float64(bound))
}

// withJitter returns d, or up to a quarter more, so that not all nodes do the same at the same time. r is in [0, 1).
func withJitter(d time.Duration, r float64) time.Duration {
	return d + time.Duration(r*float64(d/4))
}

// redial returns how long to wait with the next dial once no session is left (wire.md §6.8); false: not by itself.
// refusals counts how often in a row the peer has refused this node, falls how many sessions in a row ended soon after
// they came up; both include this one. r is in [0, 1).
func redial(reason envelope.Reason, byPeer bool, retryAfter time.Duration, refusals, falls int, r float64) (time.Duration, bool) {
	switch reason {
	case envelope.ReasonIdle:
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
	}
	if !asksForPause(reason, byPeer) {
		retryAfter = 0
	}
	return min(max(retryAfter, 0), envelope.MaxRetryAfter) + backoff(falls, r), true
}

// asksForPause says whether the end of a session asks for a pause (wire.md §6.8). A new address, or a change of the
// network, does not end that.
func asksForPause(reason envelope.Reason, byPeer bool) bool {
	return reason == envelope.ReasonIdle || byPeer && !isReplaced(reason) && !Breaks(reason)
}

// isReplaced says whether a session that ended for that reason has a successor.
func isReplaced(reason envelope.Reason) bool {
	return reason == envelope.ReasonDuplicate || reason == envelope.ReasonRotated
}

// Breaks says whether a session that ended for that reason was not meant to end.
func Breaks(reason envelope.Reason) bool {
	return slices.Contains([]envelope.Reason{envelope.ReasonProtocol, envelope.ReasonUnresponsive, session.ReasonLost}, reason)
}

// cutsShort says whether a bye for that reason ends a half-close before its time, and asks for more than it did.
func cutsShort(reason envelope.Reason) bool {
	return slices.Contains([]envelope.Reason{envelope.ReasonRefused, envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy}, reason)
}
