package peers

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A random history of one peer is recorded fact by fact.
type history struct {
	*testing.T
	*rand.Rand
	facts
	now    time.Time
	made   int // sessions
	isDown bool
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{T: t, Rand: rand.New(rand.NewPCG(seed, 1)), now: start, isDown: true}
	h.facts = facts{isArbiter: h.IntN(2) == 0, pongWithin: 5 * time.Second, idleAfter: time.Hour, shown: Found, hasAddress: true, isSeen: true}
	return h
}

// reasons are those for which sessions end.
var reasons = []envelope.Reason{envelope.ReasonDuplicate, envelope.ReasonRotated, envelope.ReasonIdle, envelope.ReasonShutdown, envelope.ReasonRefused,
	envelope.ReasonRevoked, envelope.ReasonConflict, envelope.ReasonBusy, envelope.ReasonProtocol, envelope.ReasonUnresponsive, session.ReasonLost}

// any returns one of the sessions that fit; nil: none does.
func (h *history) any(fits func(sessionFacts) bool) *sessionFacts {
	for _, i := range h.Perm(len(h.sessions)) {
		if s := &h.sessions[i]; fits(*s) {
			return s
		}
	}
	return nil
}

// record records something that can happen.
func (h *history) record() {
	h.now = h.now.Add(time.Duration(h.IntN(20_000)) * time.Millisecond)
	all := func(sessionFacts) bool { return true }
	usable := sessionFacts.isUsable
	reason := reasons[h.IntN(len(reasons))]
	switch h.IntN(16) {
	case 0, 1, 2:
		h.made++
		s := sessionFacts{id: string(rune('a' - 1 + h.made%2000)), role: handshake.Role(h.IntN(2)), chance: h.Float64()}
		if h.IntN(8) == 0 {
			s.admitted, s.noRoom = true, &LimitError{"Peers", 1}
		}
		h.sessions = append(h.sessions, s)
		if h.dialling && s.role == handshake.Initiator {
			h.handshakes = append(slices.Clone(h.handshakes), s.id)
		}
	case 3, 4, 5:
		if s := h.any(sessionFacts.isPending); s != nil {
			s.lastUsed = h.now
			h.recordUp(s.id, h.now)
		}
	case 6:
		if s := h.any(all); s != nil {
			s.recordHello(envelope.Hello{HasBoot: true, Boot: [8]byte{byte(h.IntN(3))}})
		}
	case 7:
		if s := h.any(sessionFacts.isOpen); s != nil {
			s.halfClosed = true
			h.recordEnd(s, session.Ended{Reason: reason, ByPeer: true})
		}
	case 8:
		if s := h.any(func(s sessionFacts) bool { return !s.up.IsZero() }); s != nil {
			s.over = true
			h.recordEnd(s, session.Ended{Reason: reason})
		}
	case 9, 10:
		if s := h.any(all); s != nil {
			s.ended = true
			h.recordEnd(s, session.Ended{Reason: reason, ByPeer: h.IntN(2) == 0})
		}
	case 11:
		if s := h.any(usable); s != nil {
			s.lastUsed = h.now.Add(-time.Duration(h.IntN(70)) * time.Minute)
			if h.IntN(4) == 0 {
				s.rotateAt = h.now
			}
		}
	case 12:
		if s := h.any(all); s != nil {
			h.recordPong(s.id, h.IntN(2) == 0)
		}
	case 13:
		h.dialAsked, h.due = true, time.Time{}
	case 14:
		if s := h.any(all); s != nil {
			s.stranded = h.IntN(4) == 0
		}
	case 15:
		if h.IntN(10) == 0 {
			h.goodbye = envelope.ReasonShutdown
		}
	}
}

// settle reconciles, and begins the round that is to be dialled, or one to rotate the session in use.
func (h *history) settle(trusted bool) {
	h.Helper()
	before := h.facts
	before.sessions = slices.Clone(h.sessions)
	f, do := reconcile(h.facts, trusted, h.now)
	if !reflect.DeepEqual(h.facts, before) {
		h.Fatal("reconcile has changed what it was given")
	}
	again, nothing := reconcile(f, trusted, h.now)
	if !reflect.DeepEqual(nothing, actions{}) || !reflect.DeepEqual(again, f) {
		h.Fatalf("reconciled twice: %s\nthe facts are %+v\nand were       %+v", nothing.summary(again), again, f)
	}
	h.facts = f
	for _, event := range do.report {
		switch event.(type) {
		case Up:
			h.check(h.isDown, "Up is told twice")
			h.isDown = false
		case Down:
			h.check(!h.isDown, "Down is told without Up")
			h.isDown = true
		}
	}
	h.check(h.isConnected() == (len(h.usable()) > 0), "no session is in use, and one could be")
	h.check(!h.isConnected() || h.offered == h.used, "the directory has another session than the one in use")
	h.check(h.isConnected() || h.offered == "" || h.isAwaiting(), "the directory has a session that cannot be used")
	h.check(h.due.IsZero() || !h.isConnected() && h.goodbye == "", "a dial is due that nobody wants")
	h.check(!h.isConnected() || h.upTold, "connected, and Up was not told")
	h.check(h.goodbye == "" || !h.isConnected() && !h.dialling, "leaving, and connected or dialling")
	h.check(len(h.sessions) <= maxSessions+maxEnding, "too many sessions")
	h.check(!h.isConnected() || !h.dialling || h.rotates != "", "dialling while connected")
	if do.dial {
		h.dialling, h.due = true, time.Time{}
	} else if h.isConnected() && !h.dialling && len(h.usable()) == 1 && h.IntN(4) == 0 {
		h.dialling, h.rotates = true, h.used
	}
	h.shown = h.state()
}

func (h *history) check(ok bool, wrong string) {
	h.Helper()
	if !ok {
		h.Fatalf("%s: %+v", wrong, h.facts)
	}
}

// TestReconcileTwiceGivesNothing the second time, whatever has happened, and never changes what it is given.
func TestReconcileTwiceGivesNothing(t *testing.T) {
	for seed := range uint64(300) {
		h := newHistory(t, seed)
		for range 60 {
			for range 1 + h.IntN(3) {
				h.record()
			}
			h.settle(h.IntN(10) > 0)
		}
	}
}

// TestTheOrderOfFactsDoesNotMatter: whatever happens to different sessions at the same time ends in the same state, in
// whichever order the peer hears of it, and whether it acts after each or after all.
func TestTheOrderOfFactsDoesNotMatter(t *testing.T) {
	for seed := range uint64(400) {
		h := newHistory(t, seed)
		for range 20 {
			h.record()
			h.settle(true)
		}
		var news []func(f *facts)
		for _, s := range h.sessions {
			id := s.id
			switch {
			case s.isPending() && h.IntN(2) == 0:
				news = append(news, func(f *facts) { f.recordUp(id, h.now); f.find(id).lastUsed = h.now })
			case h.IntN(3) == 0:
				news = append(news, func(f *facts) {
					s := f.find(id)
					s.ended = true
					f.recordEnd(s, session.Ended{Reason: session.ReasonLost})
				})
			case h.IntN(3) == 0:
				news = append(news, func(f *facts) { f.find(id).stranded = true })
			}
		}
		if h.IntN(10) == 0 {
			news = append(news, func(f *facts) { f.goodbye = envelope.ReasonRevoked })
		}
		type end struct {
			state               State
			upTold, isConnected bool
			sessions            int
			goodbye             envelope.Reason
		}
		var first end
		for try := range 8 {
			f := h.facts
			f.sessions = slices.Clone(h.sessions)
			for _, i := range h.Perm(len(news)) {
				news[i](&f)
				if try%2 == 0 && !h.isArbiter { // an arbiter ends sessions before it hears of the rest
					f, _ = reconcile(f, true, h.now)
				}
			}
			f, _ = reconcile(f, true, h.now)
			upTold := f.upTold && f.goodbye == "" // a session that comes up while the peer is leaving counts for nothing
			got := end{f.state(), upTold, f.isConnected(), len(f.sessions), f.goodbye}
			if try == 0 {
				first = got
			}
			if got != first {
				t.Fatalf("seed %d: %+v, in another order %+v\nbefore: %+v", seed, first, got, h.facts)
			}
		}
	}
}
