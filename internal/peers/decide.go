package peers

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Decisions, as functions of what is known and of the time.

// Bounds of redialling (wire.md §6.8, §7.5).
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	firstRefusal = time.Minute
	maxRefusal   = 10 * time.Minute
	conflictWait = time.Minute
	steadyAfter  = maxBackoff // a session that lasts so long has not failed
)

// Bounds of the sessions of one peer (wire.md §9).
const (
	maxSessions = 4 // one that stays, and some that are coming (wire.md §9); the next is told `busy`
	maxClosing  = 4 // besides, that half-close; the oldest makes room for a new one
	maxEnding   = 8 // besides, that were told to end, those that half-close included
)

// How a session is kept (wire.md §6.8, §7.4).
const (
	rotationRetry = time.Minute // at least, between two attempts to rotate a session
	idleLooks     = 4           // how often within IdleAfter it is looked whether a session was used
)

// fullWait is at least how long a peer waits while the node is at its limit of peers or sessions, whether it dials or
// is dialled.
const fullWait = 30 * time.Second

// How long the peer has for its message 2 until the next address is tried beside (wire.md §8.1).
const (
	patience     = time.Second
	hintPatience = 500 * time.Millisecond // at a hint: on the same link nothing takes long
)

// probeWithin is how long a session that another one may replace has for its pong (wire.md §7.4).
const probeWithin = time.Second

// backoff returns how long to wait after the given number of failures in a row: full jitter up to a bound
// that doubles. r is in [0, 1).
func backoff(failures int, r float64) time.Duration {
	bound := maxBackoff
	if failures < 8 {
		bound = min(maxBackoff, firstBackoff<<max(0, failures-1))
	}
	return time.Duration(r * float64(bound))
}

// rotation returns when to replace a session: after the given age, or up to a quarter later. r is in [0, 1).
func rotation(age time.Duration, r float64) time.Duration {
	return age + time.Duration(r*float64(age/4))
}

// redial says whether, and after how long, to dial again once no session is left (wire.md §6.8). refusals is how
// many in a row the peer has refused us, falls how many sessions in a row have ended soon after they came up;
// this one is included in both. r is in [0, 1).
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
	case envelope.ReasonDuplicate, envelope.ReasonRotated: // and the other session that it spoke of has ended too
		byPeer = false
	case envelope.ReasonProtocol, envelope.ReasonUnresponsive, session.ReasonLost:
		byPeer = false // retryAfter means nothing here
	}
	if !byPeer {
		retryAfter = 0
	}
	return min(max(retryAfter, 0), envelope.MaxRetryAfter) + backoff(falls, r), true
}

// demands says whether the end of a session asks for a pause, which an address that is new or a change of the network
// does not end (wire.md §6.8).
func demands(reason envelope.Reason, byPeer bool) bool {
	switch reason {
	case envelope.ReasonIdle:
		return true
	case envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonProtocol, envelope.ReasonUnresponsive, session.ReasonLost:
		return false
	}
	return byPeer
}

// A contender is one of several sessions to a peer that are up, as arbitration sees it.
type contender struct {
	role    handshake.Role
	boot    [8]byte // of the peer's hello, if hasBoot
	hasBoot bool
}

func contenderOf(h *held) contender {
	hello := h.link.Hello()
	return contender{h.link.Role(), hello.Boot, hello.HasBoot}
}

// otherBoot says whether the two are known to lead to different processes.
func (c contender) otherBoot(o contender) bool { return c.hasBoot && o.hasBoot && c.boot != o.boot }

// A verdict says what to do about two sessions to one peer.
type verdict uint8

const (
	leave      verdict = iota // nothing: there is but one
	keepNewer                 // the older is a duplicate
	probeOwn                  // keep the one that this node initiated, if its ping is answered
	probeOlder                // boot rule: the peer has restarted, or its key is in use twice
	checkOlder                // the other end decides; but if it has lost an older one it will not, and here it looks alive
)

// arbitrate finds two sessions to one peer that cannot both stay, of those that are up in the order they came
// up, and says what to do about them (wire.md §7.4). Both ends apply the boot rule; for the rest the holder of the
// smaller key decides, alone. The two longest up come first, so that a third waits until they are settled.
func arbitrate(self, remote identity.PublicKey, live []contender) (older, newer int, v verdict) {
	for newer = range live {
		for older = range newer {
			if live[newer].otherBoot(live[older]) {
				return older, newer, probeOlder
			}
		}
	}
	switch {
	case len(live) < 2:
		return 0, 0, leave
	case self.Compare(remote) > 0:
		return 0, 1, checkOlder
	case live[0].role == live[1].role:
		return 0, 1, keepNewer
	}
	return 0, 1, probeOwn
}

// settle says which of two sessions ends, and with which bye; "": neither. v is the verdict on them, newer this node's
// role in the newer one, and alive whether the probe was answered, if v asks for one.
func settle(v verdict, newer handshake.Role, alive bool) (endNewer bool, reason envelope.Reason) {
	switch v {
	case probeOlder:
		if alive {
			return true, envelope.ReasonConflict
		}
		return false, envelope.ReasonUnresponsive
	case probeOwn:
		own := newer == handshake.Initiator // it is the newer one
		return own != alive, envelope.ReasonDuplicate
	}
	return false, envelope.ReasonDuplicate
}
