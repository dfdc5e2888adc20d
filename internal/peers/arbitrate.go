package peers

import (
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// probeWithin is how long a session that another one may replace has for its pong (wire.md §7.4).
const probeWithin = time.Second

// A verdict says what to do about two sessions to one peer.
type verdict uint8

const (
	undisputed verdict = iota // nothing: there is but one
	keepNewer                 // the older is a duplicate
	probeOwn                  // keep the one that this node initiated, if its ping is answered
	probeOlder                // boot rule: the peer has restarted, or its key is in use twice
	checkOlder                // the other end decides; but if it has lost an older one it will not, and here it looks alive
)

// judge finds two sessions to one peer that cannot both stay, of those that are usable in the order in which they came
// up, and says what to do about them (wire.md §7.4). Both ends apply the boot rule; for the rest the arbiter decides,
// alone. The two longest up come first, so that a third waits until one of them has gone.
func judge(isArbiter bool, usable []*sessionFacts) (older, newer *sessionFacts, v verdict) {
	for i, newer := range usable {
		for _, older := range usable[:i] {
			if newer.hasOtherBoot(older) {
				return older, newer, probeOlder
			}
		}
	}
	switch {
	case len(usable) < 2:
		return nil, nil, undisputed
	case !isArbiter:
		v = checkOlder
	case usable[0].role == usable[1].role:
		v = keepNewer
	default:
		v = probeOwn
	}
	return usable[0], usable[1], v
}

// probed returns the session whose pong decides; nil: none does.
func (v verdict) probed(older, newer *sessionFacts) *sessionFacts {
	switch {
	case v == probeOlder:
		return older
	case v == probeOwn && newer.role == handshake.Initiator:
		return newer
	case v == probeOwn:
		return older
	}
	return nil
}

// loser says which of two sessions ends, and with which bye. newer is this node's role in the newer one, and isAlive
// whether the probe was answered, if the verdict asks for one.
func (v verdict) loser(newer handshake.Role, isAlive bool) (endNewer bool, reason envelope.Reason) {
	switch v {
	case probeOlder:
		if isAlive {
			return true, envelope.ReasonConflict
		}
		return false, envelope.ReasonUnresponsive
	case probeOwn:
		isOwn := newer == handshake.Initiator
		return isOwn != isAlive, envelope.ReasonDuplicate
	}
	return false, envelope.ReasonDuplicate
}

// arbitrate sees to it that of several usable sessions one stays, as far as this end has to (wire.md §7.4).
func (f *facts) arbitrate(do *actions) {
	for {
		older, newer, v := judge(f.isArbiter, f.usable())
		switch v {
		case undisputed:
			f.dispute = dispute{}
			return
		case checkOlder:
			f.dispute = dispute{}
			f.checkOlder(do)
			return
		}
		probed := v.probed(older, newer)
		if d := f.dispute; d.older != older.id || d.newer != newer.id || d.verdict != v {
			f.dispute = dispute{older: older.id, newer: newer.id, verdict: v}
			if v == probeOlder {
				f.use(newer)
			}
			if probed != nil {
				f.dispute.probed = probed.id
				do.probe = append(do.probe, probing{probed.id, probeWithin})
			}
		}
		if probed != nil && !f.dispute.answered {
			return
		}
		f.settle(do, older, newer)
	}
}

// settle ends one of two sessions, now that the probe, if any, is answered.
func (f *facts) settle(do *actions, older, newer *sessionFacts) {
	v := f.dispute.verdict
	endNewer, reason := v.loser(newer.role, f.dispute.alive)
	f.dispute = dispute{}
	kept, loser := newer, older
	if endNewer {
		kept, loser = older, newer
	}
	f.use(kept)
	if v == keepNewer {
		kept.inherit(loser)
	}
	do.end(loser, session.Close{Reason: reason})
	if reason == envelope.ReasonConflict {
		do.report = append(do.report, Conflict{Key: f.key, Older: older.addr, Newer: newer.addr})
	}
}

// checkOlder asks all but the newest of several sessions for a pong, each once. The other end decides which one stays,
// but one that it has lost it will not end, and here it looks alive (wire.md §7.4).
func (f *facts) checkOlder(do *actions) {
	usable := f.usable()
	newest := usable[len(usable)-1]
	if !slices.ContainsFunc(usable, func(s *sessionFacts) bool { return s.role != newest.role }) {
		f.use(newest) // the other end keeps that, if it has them all
	}
	for _, s := range usable[:len(usable)-1] {
		if !s.asked {
			s.asked = true
			do.probe = append(do.probe, probing{s.id, f.pongWithin}) // a missed pong will do: there is another session
		}
	}
}
