package peers

import (
	"fmt"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// Sessions as this node sees them.
var (
	ours    = sessionFacts{role: handshake.Initiator, greeted: true}
	theirs  = sessionFacts{role: handshake.Responder, greeted: true}
	unheard = sessionFacts{role: handshake.Responder} // its hello is not there yet
	booted1 = sessionFacts{role: handshake.Responder, boot: [8]byte{1}, hasBoot: true, greeted: true}
	booted2 = sessionFacts{role: handshake.Responder, boot: [8]byte{2}, hasBoot: true, greeted: true}
	mine1   = sessionFacts{role: handshake.Initiator, boot: [8]byte{1}, hasBoot: true, greeted: true}
)

func TestArbitration(t *testing.T) {
	// Sessions are by their position.
	keep := func(favoured, other int) dispute {
		return dispute{fmt.Sprint(favoured), fmt.Sprint(other), false, envelope.ReasonDuplicate, envelope.ReasonDuplicate}
	}
	probe := func(favoured, other int) dispute {
		d := keep(favoured, other)
		d.isProbed = true
		return d
	}
	bootRule := func(older, newer int) dispute {
		return dispute{fmt.Sprint(older), fmt.Sprint(newer), true, envelope.ReasonConflict, envelope.ReasonUnresponsive}
	}
	none := dispute{}
	for _, test := range []struct {
		name    string
		live    []sessionFacts
		arbiter dispute
		other   dispute // what the node that is not the arbiter does
	}{
		{"no session", nil, none, none},
		{"one session", []sessionFacts{ours}, none, none},
		{"both dialled, ours is newer", []sessionFacts{theirs, ours}, probe(1, 0), none},
		{"both dialled, ours is older", []sessionFacts{ours, theirs}, probe(0, 1), none},
		{"we dialled twice", []sessionFacts{ours, ours}, keep(1, 0), none},
		{"the peer dialled twice", []sessionFacts{theirs, theirs}, keep(1, 0), none},
		{"the same process dialled twice", []sessionFacts{booted1, booted1}, keep(1, 0), none},
		{"the hello of one is not there yet", []sessionFacts{booted1, unheard}, none, none},
		{"one says no boot", []sessionFacts{theirs, booted2}, bootRule(0, 1), bootRule(0, 1)},
		{"the other says no boot", []sessionFacts{mine1, theirs}, bootRule(0, 1), bootRule(0, 1)},
		{"another boot", []sessionFacts{booted1, booted2}, bootRule(0, 1), bootRule(0, 1)},
		{"another boot on the session that we dialled", []sessionFacts{mine1, booted2}, bootRule(0, 1), bootRule(0, 1)},
		{"a third waits", []sessionFacts{theirs, ours, theirs}, probe(1, 0), none},
		{"a third with another boot does not", []sessionFacts{booted1, mine1, booted2}, bootRule(0, 2), bootRule(0, 2)},
		{"a third with the first one's boot waits", []sessionFacts{booted1, booted2, booted1}, bootRule(0, 1), bootRule(0, 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			var usable []*sessionFacts
			for i := range test.live {
				s := test.live[i]
				s.id = fmt.Sprint(i)
				usable = append(usable, &s)
			}
			for isArbiter, want := range map[bool]dispute{true: test.arbiter, false: test.other} {
				if got := judge(isArbiter, usable); got != want {
					t.Errorf("arbiter %v: %+v, want %+v", isArbiter, got, want)
				}
			}
		})
	}
}

func TestTheProbeDecidesWhichSessionEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		older  sessionFacts
		newer  sessionFacts
		alive  bool
		loser  string
		reason envelope.Reason
	}{
		{"same initiator, the newer stays", ours, ours, true, "older", envelope.ReasonDuplicate},
		{"own is newer and answers", theirs, ours, true, "older", envelope.ReasonDuplicate},
		{"own is newer and silent", theirs, ours, false, "newer", envelope.ReasonDuplicate},
		{"own is older and answers", ours, theirs, true, "newer", envelope.ReasonDuplicate},
		{"own is older and silent", ours, theirs, false, "older", envelope.ReasonDuplicate},
		{"the older process answers", booted1, booted2, true, "newer", envelope.ReasonConflict},
		{"the older process is gone", booted1, booted2, false, "older", envelope.ReasonUnresponsive},
		{"the older process is gone, we dialled the newer", booted2, mine1, false, "older", envelope.ReasonUnresponsive},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.older.id, test.newer.id = "older", "newer"
			var do actions
			f := facts{sessions: []sessionFacts{test.older, test.newer}}
			f.dispute, f.alive = judge(true, []*sessionFacts{&test.older, &test.newer}), test.alive
			f.endDispute(&do)
			if len(do.close) != 1 || do.close[0].id != test.loser || do.close[0].Reason != test.reason {
				t.Errorf("closed %+v; want %s, %q", do.close, test.loser, test.reason)
			}
		})
	}
}
