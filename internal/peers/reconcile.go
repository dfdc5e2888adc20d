package peers

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// actions are what reconcile wants done, in the order in which the actor does it. The directory comes first, with the
// session in use and the state: readers who hear of the rest find it there. Then come goodbyes and pings,
// then the events, Down before Up, then those who wait for a round, then the timer. The next dial begins last.
type actions struct {
	pause pause            // of the addresses; zero: none
	doubt []netip.AddrPort // that lose their privileges

	offer   bool  // facts.offered, to the directory
	history *Step // an event for the history alone
	step    *Step // why the state is what it is

	close  []closing
	probe  []probing
	forget []string // sessions that have ended
	admit  []string // sessions to let in, if the quota has room

	report []any // Conflict, Down, Up, in this order

	endRound bool
	answer   error // to those who wait for the round; nil: the peer is up

	stop   bool // no session is left
	dial   bool
	rotate string // the session that a fresh one is to replace; "": none
}

// A closing is a session that is to end.
type closing struct {
	id string
	session.Close
}

// A pause is how long no known address is dialled. If the peer demands it, it holds for new ones too.
type pause struct {
	until    time.Time
	isDemand bool
}

// A probing is a session that must answer a ping.
type probing struct {
	id     string
	within time.Duration
}

// reconcile decides what follows from the facts: which session is in use, which others end and why, whether the peer is
// up, whether and when it is dialled. It is pure, and it returns the facts as they are once the actions are carried out:
// reconciled again they give none. Each rule sees what those before it have decided. Sections are wire.md's.
//
// If a session ends while another is being dialled, rule 4 moves the calls to a session that can take them. Otherwise rule 6
// sets the time of the next dial, rule 7 reports Down, and rule 8 clears the directory.
func reconcile(before facts, trusted bool, now time.Time) (facts, actions) {
	f, do := before, actions{}
	f.sessions = slices.Clone(before.sessions)

	// 1. A peer that is leaving says so on every session (§6.8), and is dialled no more.
	if f.goodbye != "" {
		for i := range f.sessions {
			if s := &f.sessions[i]; s.admitted && !s.over && !s.ended && s.closed != f.goodbye {
				do.end(s, session.Close{Reason: f.goodbye})
			}
		}
		f.due, f.dialAsked, f.waiting = time.Time{}, false, false
	}

	// 2. A session that has proved the peer is let in if the peer is still trusted (§4.5) and there is room (§9).
	f.admitNewcomers(&do, trusted)

	// 3. A useless session ends: its address is gone (§7.5), it was not used (§6.8), or it is silent while
	// another one answers (§7.4). A silent one that is the only one is left to liveness (§7.2).
	for i := range f.sessions {
		if s := &f.sessions[i]; !s.up.IsZero() && now.Sub(s.up) >= helloWithin {
			s.greeted = true
		}
		switch s := &f.sessions[i]; {
		case s.over || s.ended:
		case s.stranded:
			do.end(s, session.Close{Reason: envelope.ReasonUnresponsive})
			s.over = true
			f.recordEnd(s, session.Ended{Addr: s.addr, Reason: envelope.ReasonUnresponsive, Err: errAddressGone})
		case !s.isUsable():
		case f.isIdle(s, now):
			do.end(s, session.Close{Reason: envelope.ReasonIdle})
		case s.silent && f.hasOther(s.id):
			do.end(s, session.Close{Reason: envelope.ReasonUnresponsive})
		case s.silent:
			s.asked, s.silent = false, false
		}
	}

	// An address where a session broke loses its privileges, unless another session shows that the peer is there (§12).
	for i := range f.sessions {
		s := &f.sessions[i]
		if s.isBroken() && !s.doubted && !f.has(func(o sessionFacts) bool { return o.isUsable() && o.addr.Addr() == s.addr.Addr() }) {
			s.doubted = true
			do.doubt = append(do.doubt, s.addr)
		}
	}

	// 4. Calls stay on the session that they use. They move if it was dialled anew to have fresh keys (§7.4), or if it
	// cannot be used any more and another one can: then to the one that came up last.
	if old, next := f.rotation(); next != nil {
		next.inherit(old)
		do.end(old, session.Close{Reason: envelope.ReasonRotated})
		f.use(next)
	}
	if usable := f.usable(); len(usable) > 0 && !f.isConnected() {
		f.use(usable[len(usable)-1])
	}

	// 5. Of several sessions one stays, as far as this end decides that (§7.4).
	f.arbitrate(&do)

	// 6. Without a session to use, the end of the one used last says when to dial (§6.8). If another one is being dialled
	// already, that goes on, unless the peer asks for a pause. If the dial fails, goOn (rounds.go) says when the next one
	// is. A handshake under way is not stopped. Calls wait for a session that is still coming up if the one
	// used last was replaced. The end of a session has one of three results: the peer is not dialled by itself, until a
	// Connect or a Wake; it is dialled after a pause, and at a new address before; or the peer demands the pause, and
	// new addresses wait too.
	wasDue := !f.due.IsZero()
	if s := f.find(f.used); s != nil && !s.isUsable() && f.goodbye == "" && f.usedEnd.Reason == "" {
		end := s.howItEnds()
		f.usedEnd = end
		f.asleep = end.Reason == envelope.ReasonIdle
		if f.falls++; now.Sub(s.up) >= steadyAfter {
			f.falls = 0
		}
		if end.ByPeer && end.Reason == envelope.ReasonRevoked {
			f.failed = dialError(end.Addr, end)
		}
		if asksForPause(end.Reason, end.ByPeer) {
			f.endRound(&do, ErrUnreachable)
		}
		var redials bool
		do.pause, redials = f.pauseAfter(end, s.chance, now)
		switch soonest := now.Add(probeWithin); {
		case f.dialling:
			f.rotates = ""
		case !redials || !f.hasAddress:
		case f.has(sessionFacts.isPending) && do.pause.until.Before(soonest):
			f.due = soonest // the pending session should be up by then
		default:
			f.due = do.pause.until
		}
		if do.step = disconnected(end); f.isAwaiting() && !f.dialling {
			do.history, do.step = &Step{Addr: end.Addr, Reason: "the session was replaced, and the next is coming up"}, nil
		}
	}
	for i := range f.sessions {
		s := &f.sessions[i]
		if s.id == f.used && isReplaced(f.usedEnd.Reason) {
			f.usedEnd = s.howItEnds() // the session may have ended for a later reason than replacement
		}
		// A second bye may have ended the half-close, and may demand a longer pause (§7.3).
		if s.ended && s.halfClosed && s.end.ByPeer && cutsShort(s.end.Reason) && wasDue {
			if do.pause, _ = f.pauseAfter(*s.end, s.chance, now); do.pause.until.After(f.due) {
				f.due = do.pause.until
				do.step = disconnected(*s.end)
			}
		}
	}
	f.sessions = slices.DeleteFunc(f.sessions, func(s sessionFacts) bool {
		if s.ended {
			do.forget = append(do.forget, s.id)
		}
		return s.ended
	})

	// 7. The peer is up from its first session to the end of its last (§7.4): half-closes and gaps within a rotation
	// do not count. Down tells the end of the session used last, unless that was replaced.
	if f.upTold && !f.has(sessionFacts.isAlive) && !f.isAwaiting() {
		end := f.usedEnd
		if end.Reason == "" || isReplaced(end.Reason) {
			end = f.lastEnd
		}
		do.report = append(do.report, Down{Key: f.key, Addr: end.Addr, Reason: end.Reason, Text: end.Text, ByPeer: end.ByPeer, Err: end.Err})
		f.upTold = false
	}
	if s := f.find(f.used); !f.upTold && f.isConnected() {
		do.report = append(do.report, Up{Key: f.key, Addr: s.addr, Role: s.role, Name: s.name})
		f.upTold = true
	}

	// 8. Callers find the session in use in the directory. While the next one is coming up they find the old one
	// closing, and wait.
	switch {
	case f.isConnected():
		f.offered = cmp.Or(f.comingUp(), f.used)
		f.due, f.asleep, f.full, f.waiting = time.Time{}, false, false, false
	case !f.isAwaiting():
		f.offered = ""
	}
	do.offer = f.offered != before.offered

	// 9. A round ends when its work is done, or the peer is leaving.
	switch {
	case f.goodbye == envelope.ReasonRevoked:
		f.endRound(&do, ErrNotTrusted)
	case f.goodbye != "":
		f.endRound(&do, ErrStopping)
	case f.hasOther(f.rotates):
		f.endRound(&do, nil)
	}

	// 10. A dial that is due or wanted begins, unless there is no need (§7.5). A Connect begins a round itself (rounds.go
	// connect).
	isDue := !f.due.IsZero() && !now.Before(f.due)
	if isDue {
		f.due = time.Time{}
	}
	if f.dialAsked || isDue {
		f.dialAsked = false
		switch {
		case f.isConnected() || f.dialling || f.isAwaiting() && !f.due.IsZero():
		case f.asleep:
			do.step = &Step{Reason: "not needed since it was idle"}
		default:
			do.dial = true
		}
	}

	// 11. A session that is old is rotated if it is the one in use and no other one is there or coming (§7.4). Age does not
	// rotate it while the one that it replaced still has calls and streams: they would pile up. It does when that one ends.
	for _, s := range f.usable() {
		if s.rotateAt.IsZero() || now.Before(s.rotateAt) || f.mustStay(s) {
			continue
		}
		s.rotateAt = now.Add(withJitter(rotationRetry, s.chance)) // if it fails
		if !f.dialling && s.id == f.used && !f.hasOther(s.id) {
			do.rotate = s.id
		}
	}

	// 12. The actor of a peer that is leaving stops once no session is left.
	if f.goodbye != "" && len(f.sessions) == 0 && !f.stopped {
		f.stopped, do.stop = true, true
	}

	// 13. The state follows from all that. It has a reason, for people.
	switch used := f.find(f.used); {
	case do.step != nil || do.dial: // the dial gives the reason
	case f.isConnected() && f.used != before.used:
		do.step = &Step{Addr: used.addr, Reason: fmt.Sprintf("%v at %v", used.role, used.addr)}
		if used.beam {
			do.step.Reason += ", in BEAM"
		}
	case f.state() == f.shown:
	case f.goodbye != "":
		do.step = disconnected(session.Ended{Reason: f.goodbye})
	default:
		do.step = disconnected(f.lastEnd)
	}
	f.shown = f.state()
	return f, do
}

// end tells a session to end.
func (do *actions) end(s *sessionFacts, c session.Close) {
	s.closed = c.Reason
	do.close = append(do.close, closing{s.id, c})
}

// disconnected is the step that a session's end is.
func disconnected(end session.Ended) *Step {
	return &Step{Addr: end.Addr, Reason: fmt.Sprintf("disconnected: %s", end.Reason)}
}

// use has calls use s.
func (f *facts) use(s *sessionFacts) {
	if f.used != s.id {
		f.used, f.usedEnd, f.failed = s.id, session.Ended{}, nil
	}
}

// endRound ends the round, if there is one, and answers those who wait for it.
func (f *facts) endRound(do *actions, err error) {
	if f.dialling {
		f.dialling, f.rotates, f.handshakes = false, "", nil
		do.endRound, do.answer = true, err
	}
}

// rotation returns a session and the one that the round has dialled to replace it, if that is up. If the peer has
// another boot by now, the boot rule decides instead.
func (f *facts) rotation() (old, next *sessionFacts) {
	if old = f.find(f.rotates); old == nil || !old.isUsable() {
		return nil, nil
	}
	for _, id := range f.handshakes {
		if s := f.find(id); s != nil && s.isUsable() && s.greeted && !s.hasOtherBoot(old) {
			return old, s
		}
	}
	return nil, nil
}

// pauseAfter counts the end of a session if the peer has refused this node, and returns how long it puts off the next dial.
// If redials is false, the peer is not dialled by itself, and the pause is zero.
func (f *facts) pauseAfter(end session.Ended, chance float64, now time.Time) (o pause, redials bool) {
	if end.ByPeer && (end.Reason == envelope.ReasonRefused || end.Reason == envelope.ReasonRevoked) {
		f.refusals++
	}
	if wait, ok := redial(end.Reason, end.ByPeer, end.RetryAfter, f.refusals, f.falls, chance); ok {
		return pause{now.Add(wait), asksForPause(end.Reason, end.ByPeer)}, true
	}
	return pause{}, false
}
