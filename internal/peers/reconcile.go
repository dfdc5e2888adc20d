package peers

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// Bounds of the sessions of one peer (wire.md §9).
const (
	maxSessions = 4 // one that stays, and some that are coming (wire.md §9); the next is told `busy`
	maxClosing  = 4 // besides, that half-close; the oldest makes room for a new one
	maxEnding   = 8 // besides, that were told to end, those that half-close included
)

// actions are what reconcile wants done, in the order in which the actor does it. The directory comes first: callers
// that hear of any of the rest find there what they heard of. Goodbyes and pings leave before anybody is told, Down is
// told before Up, and the next dial begins when all else is done.
type actions struct {
	offer bool  // facts.offered, to the directory
	note  *Step // for the history alone
	step  *Step // why the state is what it is

	admit    []string // sessions to let in, if the quota has room
	close    []closing
	probe    []probing
	forget   []string   // sessions that have ended
	conflict []Conflict // without their key
	down     *Down      // likewise
	up       string     // the session that is the first one
	endRound bool
	answer   error // to those who wait for the round; nil: the peer is up
	pauses   []pause
	stop     bool // no session is left
	dial     bool
}

// A closing is a session that is to end, and the one that takes its place; "": none does.
type closing struct {
	id, successor string
	session.Close
}

// A pause is how long no known address is dialled. If the peer demands it, it holds for new ones too.
type pause struct {
	until    time.Time
	isDemand bool
}

// A probing is a session of which a pong is wanted.
type probing struct {
	id     string
	within time.Duration
}

// reconcile decides what follows from the facts: which session is in use, which others end and why, whether the peer is
// up, whether and when it is dialled. It is pure, and it returns the facts as they are once the actions are carried out:
// reconciled again they give none. Each rule sees what those before it have decided. Sections are wire.md's.
//
// When a session ends while another one is being dialled, rule 4 looks for a session that takes over. If there is none,
// rule 6 says what becomes of the round, and when to dial if there is no round; rule 7 tells Down, or does not.
func reconcile(before facts, trusted bool, now time.Time) (facts, actions) {
	f, do := before, actions{}
	f.sessions = slices.Clone(before.sessions)

	// 1. A peer that is leaving says so on every session (§6.8), and is dialled no more.
	if f.goodbye != "" {
		for i := range f.sessions {
			if s := &f.sessions[i]; s.admitted && s.closed != f.goodbye {
				do.end(s, session.Close{Reason: f.goodbye}, "")
			}
		}
		f.due, f.dialAsked = time.Time{}, false
	}

	// 2. A session that has proved the peer is let in if the peer is still trusted (§4.5) and there is room (§9).
	f.admitNewcomers(&do, trusted)

	// 3. A session ends that is of no use: its address is gone (§7.5), nobody uses it (§6.8), or it is silent while
	// another one answers (§7.4). A silent one that is the only one is left to liveness (§7.2).
	for i := range f.sessions {
		switch s := &f.sessions[i]; {
		case s.over || s.ended:
		case s.stranded:
			do.end(s, session.Close{Reason: envelope.ReasonUnresponsive}, "")
			s.over = true
			f.recordEnd(s, session.Ended{Addr: s.addr, Reason: envelope.ReasonUnresponsive, Err: errAddressGone})
		case !s.isUsable():
		case s.unused:
			do.end(s, session.Close{Reason: envelope.ReasonIdle}, "")
		case s.silent && f.hasOther(s.id):
			do.end(s, session.Close{Reason: envelope.ReasonUnresponsive}, "")
		case s.silent:
			s.asked, s.silent = false, false
		}
	}

	// 4. Calls stay on the session that they use. They move if it was dialled anew to have fresh keys (§7.4), or if it
	// cannot be used any more and another one can: then to the one that came up last.
	if old, next := f.rotation(); next != nil {
		do.end(old, session.Close{Reason: envelope.ReasonRotated}, next.id)
		f.use(next)
	}
	if usable := f.usable(); len(usable) > 0 && !f.isConnected() {
		f.use(usable[len(usable)-1])
	}

	// 5. Of several sessions one stays, as far as this end decides that (§7.4).
	f.arbitrate(&do)

	// 6. Without a session to use, the end of the one used last says when to dial (§6.8). A round that was to replace it
	// goes on for its own sake, unless the peer asks for a pause.
	if s := f.find(f.used); s != nil && !s.isUsable() && f.goodbye == "" {
		switch end := s.howItEnds(); {
		case f.usedEnd.Reason == "":
			f.usedEnd = end
			f.lose(&do, s, now)
		case isReplaced(f.usedEnd.Reason):
			f.usedEnd = end // it says more: the session was not replaced in good order
		}
	}
	for i := range f.sessions {
		// A bye that asks for more may have cut a half-close short (§7.3).
		if s := &f.sessions[i]; s.ended && s.sealed && s.end.ByPeer && cutsShort(s.end.Reason) && !before.due.IsZero() {
			if p, ok := f.pauseAfter(s.end, s.chance, now); ok {
				do.pauses = append(do.pauses, p)
				if p.until.After(f.due) {
					f.due = p.until
					do.step = disconnected(s.end)
				}
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
	isAlive := slices.ContainsFunc(f.sessions, func(s sessionFacts) bool { return !s.up.IsZero() && !s.over })
	if f.upTold && !isAlive && !f.isAwaiting() {
		end := f.usedEnd
		if end.Reason == "" || isReplaced(end.Reason) {
			end = f.lastEnd
		}
		do.down = &Down{Addr: end.Addr, Reason: end.Reason, Text: end.Text, ByPeer: end.ByPeer, Err: end.Err}
		f.upTold = false
	}
	if !f.upTold && f.isConnected() {
		do.up = f.used
		f.upTold = true
	}

	// 8. Callers find the session in use in the directory. While the next one is coming up they find the old one
	// closing, and wait.
	switch {
	case f.isConnected():
		f.offered = f.used
		f.due, f.asleep, f.full = time.Time{}, false, false
	case !f.isAwaiting():
		f.offered = ""
	}
	do.offer = f.offered != before.offered

	// 9. A round ends when its work is done, or nobody wants it any more.
	switch {
	case f.goodbye == envelope.ReasonRevoked:
		f.endRound(&do, ErrNotTrusted)
	case f.goodbye != "":
		f.endRound(&do, ErrStopping)
	case f.hasOther(f.rotates):
		f.endRound(&do, nil)
	}

	// 10. A dial that is wanted begins, unless there is no need (§7.5).
	if f.dialAsked {
		f.dialAsked = false
		switch {
		case f.isConnected() || f.dialling || f.isAwaiting() && !f.due.IsZero():
		case f.asleep:
			do.step = &Step{Reason: "not needed since it was idle"}
		default:
			do.dial = true
		}
	}
	if f.goodbye != "" && len(f.sessions) == 0 && !f.stopped {
		f.stopped, do.stop = true, true
	}

	switch used := f.find(f.used); {
	case do.step != nil:
	case f.goodbye != "" && before.goodbye == "":
		do.step = disconnected(session.Ended{Reason: f.goodbye})
	case f.isConnected() && f.used != before.used:
		do.step = &Step{Addr: used.addr, Reason: fmt.Sprintf("%v at %v", used.role, used.addr)}
	case f.state() != f.shown:
		do.step = disconnected(f.lastEnd)
	}
	f.shown = f.state()
	return f, do
}

// end tells a session to end.
func (do *actions) end(s *sessionFacts, c session.Close, successor string) {
	s.closed = c.Reason
	do.close = append(do.close, closing{s.id, successor, c})
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
		if s := f.find(id); s != nil && s.isUsable() && !s.hasOtherBoot(old) {
			return old, s
		}
	}
	return nil, nil
}

// admitNewcomers lets newcomers in, or tells them why not. Trust is asked again, here where its changes arrive in order: what was
// taken away since the handshake is not let in.
func (f *facts) admitNewcomers(do *actions, trusted bool) {
	for i := range f.sessions {
		switch s := &f.sessions[i]; {
		case s.noRoom != nil:
			f.full = len(f.sessions) == 1
			do.note = &Step{Addr: s.addr, Reason: "told to come back later: " + s.noRoom.Error()}
			do.end(s, session.Close{Reason: envelope.ReasonBusy, Text: toldOf(s.noRoom), RetryAfter: withJitter(fullWait, s.chance)}, "")
		case s.admitted:
		case f.goodbye != "":
			do.end(s, session.Close{Reason: f.goodbye}, "")
		case !trusted:
			do.end(s, session.Close{Reason: envelope.ReasonRefused}, "")
		case !f.makeRoom(do):
			do.end(s, session.Close{Reason: envelope.ReasonBusy, Text: crowded, RetryAfter: probeWithin}, "")
		default:
			s.admitted = true
			do.admit = append(do.admit, s.id)
		}
	}
	f.sessions = slices.DeleteFunc(f.sessions, func(s sessionFacts) bool { return !s.admitted || s.noRoom != nil })
}

// crowded is what the peer is told that has as many sessions as it may have.
var crowded = fmt.Sprintf("at the limit of %d sessions with one peer, and %d that are ending", maxSessions, maxEnding)

// makeRoom says whether the peer may have another session. If too many half-close, the oldest of them makes room: what
// it leads to may be dead, as after a move from one network to another.
func (f *facts) makeRoom(do *actions) bool {
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
		do.end(closing[0], session.Close{Reason: envelope.ReasonUnresponsive}, "")
		closing[0].over = true
	}
	return true
}

// lose says what follows from the end of the session s, which calls have used and no other one takes over from.
func (f *facts) lose(do *actions, s *sessionFacts, now time.Time) {
	end := f.usedEnd
	if f.falls++; now.Sub(s.up) >= steadyAfter {
		f.falls = 0
	}
	if end.ByPeer && end.Reason == envelope.ReasonRevoked {
		f.failed = dialError(end.Addr, end)
	}
	f.asleep = end.Reason == envelope.ReasonIdle
	pause, ok := f.pauseAfter(end, s.chance, now)
	if ok {
		do.pauses = append(do.pauses, pause)
	}
	if asksForPause(end.Reason, end.ByPeer) {
		f.endRound(do, ErrUnreachable) // nobody waits for a round that was to replace a session
	}
	if f.dialling {
		f.rotates = ""
		do.step = disconnected(end)
		return
	}
	if ok && f.hasAddress {
		f.due = pause.until
		if soonest := now.Add(probeWithin); f.hasPending() && f.due.Before(soonest) {
			f.due = soonest // the next session will come up before
		}
	}
	if f.isAwaiting() {
		do.note = &Step{Addr: end.Addr, Reason: "the session was replaced, and the next is coming up"}
		return
	}
	do.step = disconnected(end)
}

// pauseAfter returns how long the end of a session puts off the next dial; false: to when somebody asks for one.
func (f *facts) pauseAfter(end session.Ended, chance float64, now time.Time) (pause, bool) {
	if end.ByPeer && (end.Reason == envelope.ReasonRefused || end.Reason == envelope.ReasonRevoked) {
		f.refusals++
	}
	wait, ok := redial(end.Reason, end.ByPeer, end.RetryAfter, f.refusals, f.falls, chance)
	return pause{now.Add(wait), asksForPause(end.Reason, end.ByPeer)}, ok
}
