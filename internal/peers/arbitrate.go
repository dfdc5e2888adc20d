package peers

import (
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// helloWithin is how long a session waits for its hello before it counts as one without boot (wire.md §7.4).
const helloWithin = time.Second

// probeWithin is how long a session that another one may replace has for its pong (wire.md §7.4).
const probeWithin = time.Second

// A dispute is two sessions to one peer, by id: one must go. The favoured one stays if its ping is answered.
type dispute struct {
	favoured, other     string
	isProbed            bool            // false: no ping is needed
	toOther, toFavoured envelope.Reason // the bye of the one that goes
}

// judge finds two sessions to one peer that cannot both stay, of those that are usable in the order in which they came
// up, and says what decides between them (wire.md §7.4). Both ends apply the boot rule: the peer has restarted, or its key
// is in use twice. For the rest the arbiter decides, alone; the dispute is zero if this end decides nothing. The two
// longest up come first, so that a third waits until one of them has gone.
func judge(isArbiter bool, usable []*sessionFacts) dispute {
	for i, newer := range usable {
		for _, older := range usable[:i] {
			if newer.hasOtherBoot(older) {
				return dispute{older.id, newer.id, true, envelope.ReasonConflict, envelope.ReasonUnresponsive}
			}
		}
	}
	if !isArbiter || len(usable) < 2 || !usable[0].greeted || !usable[1].greeted {
		return dispute{}
	}
	favoured, other := usable[1], usable[0] // the older is a duplicate
	isProbed := favoured.role != other.role
	if isProbed && other.role == handshake.Initiator {
		favoured, other = other, favoured
	}
	return dispute{favoured.id, other.id, isProbed, envelope.ReasonDuplicate, envelope.ReasonDuplicate}
}

// arbitrate ends all usable sessions but one, if this end decides (wire.md §7.4).
func (f *facts) arbitrate(do *actions) {
	if f.keepBoth(do) {
		return
	}
	for {
		d := judge(f.isArbiter, f.usable())
		if d != f.dispute {
			f.dispute, f.answered, f.alive = d, !d.isProbed, !d.isProbed
			if d.toOther == envelope.ReasonConflict {
				f.use(f.find(d.other))
			}
			if d.isProbed {
				do.probe = append(do.probe, probing{d.favoured, probeWithin})
			}
		}
		switch {
		case d == dispute{}:
			f.checkOlder(do)
			return
		case !f.answered:
			return
		}
		f.endDispute(do)
	}
}

// endDispute ends one of two sessions, now that the probe, if any, is answered.
func (f *facts) endDispute(do *actions) {
	d := f.dispute
	f.dispute = dispute{}
	kept, loser, reason := f.find(d.favoured), f.find(d.other), d.toOther
	if !f.alive {
		kept, loser, reason = loser, kept, d.toFavoured
	}
	f.use(kept)
	if !d.isProbed {
		kept.inherit(loser)
	}
	do.end(loser, session.Close{Reason: reason})
	if reason == envelope.ReasonConflict {
		do.report = append(do.report, Conflict{Key: f.key, Older: kept.addr, Newer: loser.addr})
	}
}

// checkOlder asks all but the newest of several sessions for a pong, each once. The other end decides which one stays.
// It cannot end a session that it has lost, and here that session still looks alive (wire.md §7.4).
func (f *facts) checkOlder(do *actions) {
	usable := f.usable()
	if len(usable) < 2 || slices.ContainsFunc(usable, func(s *sessionFacts) bool { return !s.greeted }) {
		return
	}
	newest := usable[len(usable)-1]
	if !slices.ContainsFunc(usable, func(s *sessionFacts) bool { return s.role != newest.role }) {
		f.use(newest) // the other end keeps that, if it has them all
	}
	for _, s := range usable[:len(usable)-1] {
		if !s.asked {
			s.asked = true
			do.probe = append(do.probe, probing{s.id, f.pongWithin}) // one missed pong is enough, because another session exists
		}
	}
}
