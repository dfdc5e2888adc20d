package peers

import (
	"fmt"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Bounds of the sessions of one peer (wire.md §9).
const (
	maxSessions = 4 // open or coming up; one more gets `busy`
	maxClosing  = 4 // besides, that half-close; the oldest makes room for a new one
	maxEnding   = 8 // besides, that were told to end, those that half-close included
)

// admitNewcomers lets sessions in that have proved the peer, or tells them why not. Trust is asked again, here where its
// changes arrive in order: a key that lost it since the handshake is not let in.
func (f *facts) admitNewcomers(do *actions, trusted bool) {
	for i := range f.sessions {
		switch s := &f.sessions[i]; {
		case s.noRoom != nil:
			f.full = len(f.sessions) == 1
			do.history = &Step{Addr: s.addr, Reason: "told to come back later: " + s.noRoom.Error()}
			do.end(s, session.Close{Reason: envelope.ReasonBusy, Text: s.noRoom.forPeer(), RetryAfter: withJitter(fullWait, s.chance)})
		case s.admitted:
		case f.goodbye != "":
			do.end(s, session.Close{Reason: f.goodbye})
		case !trusted:
			do.end(s, session.Close{Reason: envelope.ReasonRefused})
		case !f.allowSession(do):
			do.end(s, session.Close{Reason: envelope.ReasonBusy, Text: crowded, RetryAfter: probeWithin})
		default:
			s.admitted = true
			do.admit = append(do.admit, s.id)
		}
	}
	f.sessions = slices.DeleteFunc(f.sessions, func(s sessionFacts) bool { return !s.admitted || s.noRoom != nil })
}

// crowded is the text for a peer at its limit of sessions.
var crowded = fmt.Sprintf("at the limit of %d sessions with one peer, and %d that are ending", maxSessions, maxEnding)

// allowSession says whether the peer may have another session. If too many half-close, it ends the oldest of them: what that
// leads to may be dead, as after a move from one network to another.
func (f *facts) allowSession(do *actions) bool {
	admitted, open := 0, 0
	var closing []*sessionFacts
	for i := range f.sessions {
		switch s := &f.sessions[i]; {
		case !s.admitted || s.ended:
			continue
		case s.isOpen():
			open++
		case !s.over:
			closing = append(closing, s)
		}
		admitted++
	}
	if open >= maxSessions || admitted >= maxSessions+maxEnding {
		return false
	}
	if len(closing) >= maxClosing {
		do.end(closing[0], session.Close{Reason: envelope.ReasonUnresponsive})
		closing[0].over = true
	}
	return true
}
