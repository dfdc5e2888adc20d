package peers

import (
	"slices"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// Sessions as this node sees them.
var (
	ours    = sessionFacts{role: handshake.Initiator}
	theirs  = sessionFacts{role: handshake.Responder}
	booted1 = sessionFacts{role: handshake.Responder, boot: [8]byte{1}, hasBoot: true}
	booted2 = sessionFacts{role: handshake.Responder, boot: [8]byte{2}, hasBoot: true}
	mine1   = sessionFacts{role: handshake.Initiator, boot: [8]byte{1}, hasBoot: true}
)

func TestArbitration(t *testing.T) {
	type result struct {
		older, newer int
		v            verdict
	}
	none, check := result{0, 0, undisputed}, result{0, 1, checkOlder}
	for _, test := range []struct {
		name    string
		live    []sessionFacts
		arbiter result
		other   result // what the node that is not the arbiter does
	}{
		{"no session", nil, none, none},
		{"one session", []sessionFacts{ours}, none, none},
		{"both dialled, ours is newer", []sessionFacts{theirs, ours}, result{0, 1, probeOwn}, check},
		{"both dialled, ours is older", []sessionFacts{ours, theirs}, result{0, 1, probeOwn}, check},
		{"we dialled twice", []sessionFacts{ours, ours}, result{0, 1, keepNewer}, check},
		{"the peer dialled twice", []sessionFacts{theirs, theirs}, result{0, 1, keepNewer}, check},
		{"the same process dialled twice", []sessionFacts{booted1, booted1}, result{0, 1, keepNewer}, check},
		{"the hello of one is not there yet", []sessionFacts{booted1, theirs}, result{0, 1, keepNewer}, check},
		{"one says no boot", []sessionFacts{theirs, booted2}, result{0, 1, keepNewer}, check},
		{"another boot", []sessionFacts{booted1, booted2}, result{0, 1, probeOlder}, result{0, 1, probeOlder}},
		{"another boot on the session that we dialled", []sessionFacts{mine1, booted2}, result{0, 1, probeOlder}, result{0, 1, probeOlder}},
		{"a third waits", []sessionFacts{theirs, ours, theirs}, result{0, 1, probeOwn}, check},
		{"a third with another boot does not", []sessionFacts{booted1, mine1, booted2}, result{0, 2, probeOlder}, result{0, 2, probeOlder}},
		{"a third with the first one's boot waits", []sessionFacts{booted1, booted2, booted1}, result{0, 1, probeOlder}, result{0, 1, probeOlder}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var usable []*sessionFacts
			for i := range test.live {
				usable = append(usable, &test.live[i])
			}
			for isArbiter, want := range map[bool]result{true: test.arbiter, false: test.other} {
				var got result
				older, newer, v := judge(isArbiter, usable)
				if got.v = v; v != undisputed {
					got.older, got.newer = slices.Index(usable, older), slices.Index(usable, newer)
				}
				if got != want {
					t.Errorf("arbiter %v: %+v, want %+v", isArbiter, got, want)
				}
			}
		})
	}
}

func TestTheProbeDecidesWhichSessionEnds(t *testing.T) {
	for _, test := range []struct {
		name     string
		v        verdict
		newer    handshake.Role
		alive    bool
		endNewer bool
		reason   envelope.Reason
	}{
		{"same initiator, the newer stays", keepNewer, handshake.Initiator, false, false, envelope.ReasonDuplicate},
		{"own is newer and answers", probeOwn, handshake.Initiator, true, false, envelope.ReasonDuplicate},
		{"own is newer and silent", probeOwn, handshake.Initiator, false, true, envelope.ReasonDuplicate},
		{"own is older and answers", probeOwn, handshake.Responder, true, true, envelope.ReasonDuplicate},
		{"own is older and silent", probeOwn, handshake.Responder, false, false, envelope.ReasonDuplicate},
		{"the older process answers", probeOlder, handshake.Responder, true, true, envelope.ReasonConflict},
		{"the older process is gone", probeOlder, handshake.Responder, false, false, envelope.ReasonUnresponsive},
		{"the older process is gone, we dialled the newer", probeOlder, handshake.Initiator, false, false, envelope.ReasonUnresponsive},
	} {
		t.Run(test.name, func(t *testing.T) {
			endNewer, reason := test.v.loser(test.newer, test.alive)
			if endNewer != test.endNewer || reason != test.reason {
				t.Errorf("loser = %v, %q; want %v, %q", endNewer, reason, test.endNewer, test.reason)
			}
		})
	}
}
