package peers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// summary says what the actions are, in their order, and what the facts are after them.
func (do actions) summary(f facts) string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if do.offer {
		add("offer %s", f.offered)
	}
	if do.history != nil {
		add("history")
	}
	if do.step != nil {
		add("step")
	}
	for _, c := range do.close {
		add("close %s %s", c.id, c.Reason)
	}
	for _, b := range do.probe {
		add("probe %s %v", b.id, b.within)
	}
	for _, id := range do.forget {
		add("forget %s", id)
	}
	for _, id := range do.admit {
		add("admit %s", id)
	}
	for _, event := range do.report {
		switch m := event.(type) {
		case Conflict:
			add("+conflict")
		case Down:
			add("+down %s", m.Reason)
		case Up:
			add("+up")
		}
	}
	if do.endRound {
		add("answer %v", do.answer)
	}
	if do.pause != (pause{}) {
		add("pause %v", do.pause.until.Sub(start))
	}
	if do.stop {
		add("stop")
	}
	if do.dial {
		add("dial")
	}
	if do.rotate != "" {
		add("rotate %s", do.rotate)
	}
	list = append(list, "= "+string(f.state()))
	if !f.due.IsZero() {
		add("due %v", f.due.Sub(start))
	}
	return strings.Join(list, ", ")
}

// one returns a session that came up long ago, in which this node is the initiator, and changes it.
func one(id string, change ...func(*sessionFacts)) sessionFacts {
	s := sessionFacts{id: id, role: handshake.Initiator, addr: x, chance: 0.5, admitted: true, up: after(-time.Hour), lastUsed: after(-time.Hour)}
	for _, f := range change {
		f(&s)
	}
	return s
}

// Changes of a session.

func isResponder(s *sessionFacts) { s.role = handshake.Responder }

func isNew(s *sessionFacts) { s.admitted, s.up = false, time.Time{} }

func isOld(s *sessionFacts) { s.rotateAt = start }

func isSpent(s *sessionFacts) { s.isSpent = true }

func isNotUp(s *sessionFacts) { s.up = time.Time{} }

func hasBoot(boot byte) func(*sessionFacts) {
	return func(s *sessionFacts) { s.boot, s.hasBoot, s.greeted = [8]byte{boot}, true, true }
}

// isHalfClosed is a bye of the peer's that half-closes.
func isHalfClosed(reason envelope.Reason) func(*sessionFacts) {
	return func(s *sessionFacts) {
		s.halfClosed, s.end = true, &session.Ended{Addr: s.addr, Reason: reason, ByPeer: true, RetryAfter: 5 * time.Second}
	}
}

// hasEnded is the end of a session, by the peer's bye.
func hasEnded(reason envelope.Reason) func(*sessionFacts) {
	return func(s *sessionFacts) {
		s.ended, s.end = true, &session.Ended{Addr: s.addr, Reason: reason, ByPeer: reason != session.ReasonLost, RetryAfter: 5 * time.Second}
	}
}

// connectedTo are the facts of an arbiter that uses the first of its sessions.
func connectedTo(sessions ...sessionFacts) facts {
	return facts{isArbiter: true, pongWithin: 5 * time.Second, sessions: sessions, used: sessions[0].id, offered: sessions[0].id,
		upTold: true, shown: Connected, hasAddress: true, isSeen: true}
}

// notConnected is a peer that was never connected.
func notConnected(sessions ...sessionFacts) facts {
	return facts{isArbiter: true, sessions: sessions, shown: Found, hasAddress: true, isSeen: true}
}

func (f facts) with(change func(*facts)) facts {
	change(&f)
	return f
}

func isRotating(f *facts) { f.dialling, f.rotates, f.handshakes = true, "a", []string{"b"} }

func isDialling(f *facts) { f.dialling, f.shown = true, Dialling }

func isNotArbiter(f *facts) { f.isArbiter = false }

func wasReplaced(f *facts) { f.usedEnd = session.Ended{Reason: envelope.ReasonRotated, ByPeer: true} }

func isAnswered(alive bool) func(*facts) {
	return func(f *facts) {
		*f, _ = reconcile(*f, true, start)
		f.recordPong(f.dispute.favoured, alive)
	}
}

// TestWhatFollowsFromTheFacts has every rule of reconcile.
func TestWhatFollowsFromTheFacts(t *testing.T) {
	lost, shutdown, rotated := session.ReasonLost, envelope.ReasonShutdown, envelope.ReasonRotated
	for _, test := range []struct {
		name  string
		facts facts
		want  string
	}{
		{"nothing is known", facts{shown: Unknown}, "= unknown"},
		{"nothing has changed", connectedTo(one("a")), "= connected"},

		// 1. A peer that is leaving.
		{"stopped", connectedTo(one("a"), one("b", isNotUp)).with(func(f *facts) { f.goodbye = shutdown }),
			"offer , step, close a shutdown, close b shutdown, = found"},
		{"revoked while dialling", notConnected().with(isDialling).with(func(f *facts) { f.goodbye = envelope.ReasonRevoked }),
			"step, answer the key is not trusted here, stop, = found"},
		{"stopped, and the last session has ended", connectedTo(one("a", hasEnded(shutdown))).with(func(f *facts) { f.goodbye = shutdown; f.lastEnd.Reason = shutdown }),
			"offer , step, forget a, +down shutdown, stop, = found"},

		// 2. Newcomers.
		{"a newcomer", connectedTo(one("a"), one("b", isNew)), "admit b, = connected"},
		{"a newcomer for which the quota has no room", notConnected(one("a", isNotUp, func(s *sessionFacts) { s.noRoom = &LimitError{"Peers", 1} })),
			"history, close a busy, = found"},
		{"a fifth", connectedTo(one("a"), one("b", isNotUp), one("c", isNotUp), one("d", isNotUp), one("e", isNew)), "close e busy, = connected"},
		{"a newcomer of a peer that is leaving", notConnected(one("a", isNew)).with(func(f *facts) { f.goodbye = shutdown }),
			"close a shutdown, stop, = found"},

		// 3. Sessions that are of no use.
		{"unused", connectedTo(one("a")).with(func(f *facts) { f.idleAfter = time.Hour }), "offer , step, close a idle, = found"},
		{"its address is gone", connectedTo(one("a", func(s *sessionFacts) { s.stranded = true })),
			"offer , step, close a unresponsive, +down unresponsive, pause 250ms, = backing off, due 250ms"},
		{"silent, and the only one", connectedTo(one("a", func(s *sessionFacts) { s.asked, s.silent = true, true })), "= connected"},
		{"silent, and another one answers", connectedTo(one("a", func(s *sessionFacts) { s.asked, s.silent = true, true }), one("b")).with(isNotArbiter),
			"offer b, step, close a unresponsive, = connected"},

		// 4. The session in use.
		{"the first comes up", notConnected(one("a")), "offer a, step, +up, = connected"},
		{"it comes up while dialling", notConnected(one("a")).with(isDialling), "offer a, step, +up, answer <nil>, = connected"},
		{"the new one of a rotation comes up", connectedTo(one("a"), one("b")).with(isRotating),
			"offer b, step, close a rotated, answer <nil>, = connected"},
		{"another one comes up during a rotation", connectedTo(one("a"), one("c", isResponder)).with(isRotating),
			"probe a 1s, answer <nil>, = connected"},
		{"the one in use ends, and there are others", connectedTo(one("a", hasEnded(lost)), one("b", isResponder), one("c")).with(isNotArbiter),
			"offer c, step, probe b 5s, forget a, = connected"},

		// 5. Arbitration.
		{"two of the same initiator", connectedTo(one("a"), one("b")), "offer b, step, close a duplicate, = connected"},
		{"two of different initiators", connectedTo(one("a"), one("b", isResponder)), "probe a 1s, = connected"},
		{"the own one answers", connectedTo(one("a"), one("b", isResponder)).with(isAnswered(true)), "close b duplicate, = connected"},
		{"the own one is silent", connectedTo(one("a"), one("b", isResponder)).with(isAnswered(false)), "offer b, step, close a duplicate, = connected"},
		{"two, and the other end decides", connectedTo(one("a"), one("b", isResponder)).with(isNotArbiter), "probe a 5s, = connected"},
		{"two of the same initiator, and the other end decides", connectedTo(one("a"), one("b")).with(isNotArbiter), "offer b, step, probe a 5s, = connected"},
		{"another boot", connectedTo(one("a", hasBoot(1)), one("b", hasBoot(2))), "offer b, step, probe a 1s, = connected"},
		{"another boot, and the old process answers", connectedTo(one("a", hasBoot(1)), one("b", hasBoot(2))).with(isAnswered(true)),
			"offer a, step, close b conflict, +conflict, = connected"},
		{"another boot, and the old process is gone", connectedTo(one("a", hasBoot(1)), one("b", hasBoot(2))).with(isAnswered(false)),
			"close a unresponsive, = connected"},

		// 6. The end of the session used last, and 7. Up and Down.
		{"lost", connectedTo(one("a", hasEnded(lost))), "offer , step, forget a, +down lost, pause 250ms, = backing off, due 250ms"},
		{"lost for the third time soon after it came up", connectedTo(one("a", hasEnded(lost), func(s *sessionFacts) { s.up = start })).with(func(f *facts) { f.falls = 2 }),
			"offer , step, forget a, +down lost, pause 1s, = backing off, due 1s"},
		{"lost, and no address is known", connectedTo(one("a", hasEnded(lost))).with(func(f *facts) { f.hasAddress, f.isSeen = false, false }),
			"offer , step, forget a, +down lost, pause 250ms, = unknown"},
		{"lost while another one is being dialled", connectedTo(one("a", hasEnded(lost))).with(isRotating),
			"offer , step, forget a, +down lost, pause 250ms, = dialling"},
		{"ended by a peer that asks for a pause while another one is being dialled", connectedTo(one("a", hasEnded(envelope.ReasonBusy))).with(isRotating),
			"offer , step, forget a, +down busy, answer the peer cannot be reached, pause 5.25s, = backing off, due 5.25s"},
		{"half-closed by the peer", connectedTo(one("a", isHalfClosed(shutdown))), "offer , step, pause 5.25s, = backing off, due 5.25s"},
		{"half-closed since nobody uses it", connectedTo(one("a", isHalfClosed(envelope.ReasonIdle))), "offer , step, = found"},
		{"a half-close is cut short", connectedTo(one("a", isHalfClosed(shutdown))).with(func(f *facts) {
			*f, _ = reconcile(*f, true, start)
			hasEnded(envelope.ReasonRefused)(&f.sessions[0])
		}), "step, forget a, +down shutdown, pause 1m0s, = backing off, due 1m0s"},
		{"replaced, and the next one is coming up", connectedTo(one("a", isHalfClosed(rotated)), one("b", isNotUp)), "history, pause 250ms, = connected, due 1s"},
		{"replaced and gone, and the next one is coming up", connectedTo(one("a", isHalfClosed(rotated), hasEnded(rotated)), one("b", isNotUp)).with(wasReplaced),
			"forget a, = connected"},
		{"replaced, and the next one is up", connectedTo(one("a", isHalfClosed(rotated)), one("b")).with(wasReplaced), "offer b, step, = connected"},
		{"replaced, and the next one fails", connectedTo(one("a", isHalfClosed(rotated)), one("b", isNotUp, hasEnded(lost))).with(wasReplaced),
			"offer , step, forget b, = found"},
		{"replaced and gone, and the next one fails", connectedTo(one("b", isNotUp, hasEnded(lost))).with(wasReplaced).with(func(f *facts) { f.used, f.lastEnd.Reason = "a", lost }),
			"offer , step, forget b, +down lost, = found"},
		{"replaced, and ended in a worse way", connectedTo(one("a", hasEnded(envelope.ReasonUnresponsive)), one("b", isNotUp)).with(wasReplaced),
			"offer , step, forget a, +down unresponsive, = found"},

		// 10. Dials.
		{"a dial is asked for", notConnected().with(func(f *facts) { f.dialAsked = true }), "dial, = found"},
		{"a dial is asked for while there is one", notConnected().with(isDialling).with(func(f *facts) { f.dialAsked = true }), "= dialling"},
		{"a dial is asked for, and it is connected", connectedTo(one("a")).with(func(f *facts) { f.dialAsked = true }), "= connected"},
		{"a dial is asked for, and it was idle", notConnected().with(func(f *facts) { f.dialAsked, f.asleep = true, true }), "step, = found"},
		{"a dial is asked for, and the next session is coming up", connectedTo(one("a", isHalfClosed(rotated)), one("b", isNotUp)).with(func(f *facts) { f.dialAsked = true }),
			"history, pause 250ms, = connected, due 1s"},
		{"a dial is due", notConnected().with(func(f *facts) { f.due, f.shown = start, BackingOff }), "dial, = found"},
		{"a dial is due, and the next session is still coming up", connectedTo(one("b", isNotUp)).with(wasReplaced).with(func(f *facts) { f.used, f.due = "a", start }), "dial, = connected"},

		// 11. Rotation.
		{"old", connectedTo(one("a", isOld)), "rotate a, = connected"},
		{"old, and what it replaced goes on", connectedTo(one("a", isOld), one("b", isHalfClosed(rotated))), "= connected"},
		{"old, and what it replaced has ended", connectedTo(one("a", isOld), one("b", isHalfClosed(rotated), hasEnded(rotated))), "forget b, rotate a, = connected"},
		{"spent, and what it replaced goes on", connectedTo(one("a", isOld, isSpent), one("b", isHalfClosed(rotated))), "rotate a, = connected"},
		{"old, and another one goes away", connectedTo(one("a", isOld), one("b", isHalfClosed(envelope.ReasonIdle))), "rotate a, = connected"},
		{"old, and there is another one", connectedTo(one("a", isOld), one("b", isResponder)).with(isNotArbiter), "probe a 5s, = connected"},
		{"old, and it is dialled already", connectedTo(one("a", isOld)).with(isRotating), "= connected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, do := reconcile(test.facts, true, start)
			if got := do.summary(f); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTrustIsAskedOfNewcomersAlone(t *testing.T) {
	f, do := reconcile(connectedTo(one("a"), one("b", isNew)), false, start)
	if got, want := do.summary(f), "close b refused, = connected"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
