package peers

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

func isBEAM(s *sessionFacts) { s.beam, s.greeted = true, true }

// TestSessionsOfABEAMNodeAreLeftToIt: of several sessions that node keeps the newest and closes the others. This one uses
// the newest, closes none, and pings none for it (wire.md §13.7).
func TestSessionsOfABEAMNodeAreLeftToIt(t *testing.T) {
	idle := func(f *facts) { f.idleAfter = time.Minute }
	for _, c := range []struct {
		name string
		f    facts
		want string
		used string
	}{
		{"one", connectedTo(one("a", isBEAM)), "= connected", "a"},
		{"both dialled", connectedTo(one("a", isBEAM), one("b", isBEAM, isResponder)), "offer b, step, = connected", "b"},
		{"the peer dialled twice", connectedTo(one("a", isBEAM, isResponder), one("b", isBEAM, isResponder)), "offer b, step, = connected", "b"},
		{"another boot is nothing to go by", connectedTo(one("a", isBEAM), one("b", isBEAM, hasBoot(1))), "offer b, step, = connected", "b"},
		{"the older was closed", connectedTo(one("b", isBEAM), one("a", isBEAM, hasEnded(envelope.ReasonDuplicate))), "forget a, = connected", "b"},
		{"the one in use was closed, the other is coming up",
			connectedTo(one("a", isBEAM, hasEnded(envelope.ReasonDuplicate)), one("b", isBEAM, isNotUp)), "history, forget a, pause 250ms, = connected, due 1s", "a"},
		{"the one in use was closed, and none is left", connectedTo(one("a", isBEAM, hasEnded(session.ReasonLost))),
			"offer , step, forget a, +down lost, pause 250ms, = backing off, due 250ms", "a"},
		{"not used for long", connectedTo(one("a", isBEAM)).with(idle), "= connected", "a"},
		{"the peer speaks natively by now", connectedTo(one("a", isBEAM), one("b")), "offer b, step, close a duplicate, = connected", "b"},
		{"a BEAM session beside a native one", connectedTo(one("a"), one("b", isBEAM)), "close b duplicate, = connected", "a"},
		{"the key is not trusted any more", connectedTo(one("a", isBEAM)).with(func(f *facts) { f.goodbye = envelope.ReasonRevoked }),
			"offer , step, close a revoked, = found", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, do := reconcile(c.f, true, start)
			if got := do.summary(f); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if f.used != c.used {
				t.Errorf("calls use %s, want %s", f.used, c.used)
			}
			if again, do := reconcile(f, true, start); do.summary(again) != "= "+string(f.state())+dueOf(again) {
				t.Errorf("reconciled again: %s", do.summary(again))
			}
		})
	}
}

func dueOf(f facts) string {
	if f.due.IsZero() {
		return ""
	}
	return ", due " + f.due.Sub(start).String()
}

// TestABEAMNodeThatClosesASessionHasANewerOne: it says no reason, so one is found here.
func TestABEAMNodeThatClosesASessionHasANewerOne(t *testing.T) {
	lost := session.Ended{Reason: session.ReasonLost, Err: errors.New("closed")}
	for _, c := range []struct {
		name     string
		sessions []sessionFacts
		end      session.Ended
		want     envelope.Reason
	}{
		{"the only one", []sessionFacts{one("a", isBEAM)}, lost, session.ReasonLost},
		{"another one is up", []sessionFacts{one("a", isBEAM), one("b", isBEAM)}, lost, envelope.ReasonDuplicate},
		{"another one comes up", []sessionFacts{one("a", isBEAM), one("b", isBEAM, isNotUp)}, lost, envelope.ReasonDuplicate},
		{"another one has ended", []sessionFacts{one("a", isBEAM), one("b", isBEAM, hasEnded(session.ReasonLost))}, lost, session.ReasonLost},
		{"another one is native", []sessionFacts{one("a", isBEAM), one("b")}, lost, session.ReasonLost},
		{"native", []sessionFacts{one("a"), one("b")}, lost, session.ReasonLost},
		{"it was silent", []sessionFacts{one("a", isBEAM), one("b", isBEAM)}, session.Ended{Reason: envelope.ReasonUnresponsive}, envelope.ReasonUnresponsive},
	} {
		f := facts{sessions: c.sessions}
		if got := f.reasonOfEnd(&f.sessions[0], c.end); got.Reason != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Reason, c.want)
		}
	}
}
