package peers

import (
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// almost is as large as a jitter gets.
const almost = 1 - 1e-9

func TestBackoffIsFullJitterUnderABoundThatDoubles(t *testing.T) {
	for failures, bound := range []time.Duration{0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second,
		3: 2 * time.Second, 4: 4 * time.Second, 5: 8 * time.Second, 6: 16 * time.Second, 7: 30 * time.Second, 8: 30 * time.Second} {
		for _, r := range []float64{0, 0.25, almost} {
			want := time.Duration(r * float64(bound))
			if got := backoff(failures, r); got != want {
				t.Errorf("backoff(%d, %v) = %v, want %v", failures, r, got, want)
			}
		}
	}
	for _, failures := range []int{9, 64, 1 << 40} {
		if got := backoff(failures, almost); got < maxBackoff-time.Second || got >= maxBackoff {
			t.Errorf("backoff(%d) = %v, want just under %v", failures, got, maxBackoff)
		}
	}
}

func TestRotationComesWithinAQuarterOfTheAge(t *testing.T) {
	for r, want := range map[float64]time.Duration{0: time.Hour, 0.5: time.Hour + 15*time.Minute/2, almost: 75 * time.Minute} {
		if got := rotation(time.Hour, r); got < want-time.Millisecond || got > want {
			t.Errorf("rotation(1h, %v) = %v, want %v", r, got, want)
		}
	}
}

func TestRedialForEveryReason(t *testing.T) {
	const r = 0.5
	half := func(bound time.Duration) time.Duration { return bound / 2 }
	never := time.Duration(-1)
	for _, test := range []struct {
		reason          envelope.Reason
		byPeer          bool
		retryAfter      time.Duration
		refusals, falls int
		want            time.Duration
	}{
		{reason: envelope.ReasonDuplicate, byPeer: true, retryAfter: time.Minute, want: half(firstBackoff)},
		{reason: envelope.ReasonDuplicate, want: half(firstBackoff)},
		{reason: envelope.ReasonRotated, byPeer: true, want: half(firstBackoff)},
		{reason: envelope.ReasonIdle, byPeer: true, want: never},
		{reason: envelope.ReasonIdle, want: never},
		{reason: envelope.ReasonShutdown, byPeer: true, want: half(firstBackoff)},
		{reason: envelope.ReasonShutdown, byPeer: true, retryAfter: 7 * time.Second, want: 7*time.Second + half(firstBackoff)},
		{reason: envelope.ReasonShutdown, byPeer: true, retryAfter: time.Hour, want: envelope.MaxRetryAfter + half(firstBackoff)},
		{reason: envelope.ReasonShutdown, byPeer: true, retryAfter: -time.Hour, want: half(firstBackoff)},
		{reason: envelope.ReasonShutdown, retryAfter: time.Minute, want: half(firstBackoff)},
		{reason: envelope.ReasonShutdown, byPeer: true, falls: 3, want: half(2 * time.Second)},
		{reason: "later", byPeer: true, retryAfter: time.Second, want: time.Second + half(firstBackoff)},
		{reason: envelope.ReasonBusy, byPeer: true, want: half(firstBackoff)},
		{reason: envelope.ReasonBusy, byPeer: true, retryAfter: time.Second, falls: 2, want: time.Second + half(time.Second)},
		{reason: envelope.ReasonRefused, byPeer: true, refusals: 1, want: time.Minute},
		{reason: envelope.ReasonRefused, byPeer: true, refusals: 2, want: 2 * time.Minute},
		{reason: envelope.ReasonRefused, byPeer: true, refusals: 4, want: 8 * time.Minute},
		{reason: envelope.ReasonRefused, byPeer: true, refusals: 5, want: 10 * time.Minute},
		{reason: envelope.ReasonRefused, byPeer: true, refusals: 1 << 20, want: 10 * time.Minute},
		{reason: envelope.ReasonRefused, byPeer: true, refusals: 1, retryAfter: time.Second, want: time.Minute},
		{reason: envelope.ReasonRefused, want: never},
		{reason: envelope.ReasonRevoked, byPeer: true, refusals: 3, want: 4 * time.Minute},
		{reason: envelope.ReasonRevoked, want: never},
		{reason: envelope.ReasonConflict, byPeer: true, want: time.Minute},
		{reason: envelope.ReasonConflict, want: time.Minute},
		{reason: envelope.ReasonProtocol, byPeer: true, retryAfter: time.Minute, want: half(firstBackoff)},
		{reason: envelope.ReasonProtocol, falls: 9, want: half(maxBackoff)},
		{reason: envelope.ReasonUnresponsive, byPeer: true, retryAfter: time.Minute, want: half(firstBackoff)},
		{reason: envelope.ReasonUnresponsive, want: half(firstBackoff)},
		{reason: session.ReasonLost, falls: 2, want: half(time.Second)},
	} {
		got, ok := redial(test.reason, test.byPeer, test.retryAfter, test.refusals, test.falls, r)
		if !ok {
			got = never
		}
		if got != test.want {
			t.Errorf("redial(%q, by peer %v, retry after %v, %d refusals, %d falls) = %v, want %v",
				test.reason, test.byPeer, test.retryAfter, test.refusals, test.falls, got, test.want)
		}
	}
}

// Two keys in their order, and sessions as the holder of either sees them.
var (
	smaller = identity.PublicKey{1}
	larger  = identity.PublicKey{2}

	ours    = contender{role: handshake.Initiator}
	theirs  = contender{role: handshake.Responder}
	booted1 = contender{role: handshake.Responder, boot: [8]byte{1}, hasBoot: true}
	booted2 = contender{role: handshake.Responder, boot: [8]byte{2}, hasBoot: true}
	mine1   = contender{role: handshake.Initiator, boot: [8]byte{1}, hasBoot: true}
)

func TestArbitration(t *testing.T) {
	type result struct {
		older, newer int
		v            verdict
	}
	none, check := result{0, 0, leave}, result{0, 1, checkOlder}
	for _, test := range []struct {
		name    string
		live    []contender
		arbiter result
		other   result // what the node that is not the arbiter does
	}{
		{"no session", nil, none, none},
		{"one session", []contender{ours}, none, none},
		{"both dialled, ours is newer", []contender{theirs, ours}, result{0, 1, probeOwn}, check},
		{"both dialled, ours is older", []contender{ours, theirs}, result{0, 1, probeOwn}, check},
		{"we dialled twice", []contender{ours, ours}, result{0, 1, keepNewer}, check},
		{"the peer dialled twice", []contender{theirs, theirs}, result{0, 1, keepNewer}, check},
		{"the same process dialled twice", []contender{booted1, booted1}, result{0, 1, keepNewer}, check},
		{"the hello of one is not there yet", []contender{booted1, theirs}, result{0, 1, keepNewer}, check},
		{"one says no boot", []contender{theirs, booted2}, result{0, 1, keepNewer}, check},
		{"another boot", []contender{booted1, booted2}, result{0, 1, probeOlder}, result{0, 1, probeOlder}},
		{"another boot on the session that we dialled", []contender{mine1, booted2}, result{0, 1, probeOlder}, result{0, 1, probeOlder}},
		{"a third waits", []contender{theirs, ours, theirs}, result{0, 1, probeOwn}, check},
		{"a third with another boot does not", []contender{booted1, mine1, booted2}, result{0, 2, probeOlder}, result{0, 2, probeOlder}},
		{"a third with the first one's boot waits", []contender{booted1, booted2, booted1}, result{0, 1, probeOlder}, result{0, 1, probeOlder}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, end := range []struct {
				self, remote identity.PublicKey
				want         result
			}{{smaller, larger, test.arbiter}, {larger, smaller, test.other}} {
				var got result
				got.older, got.newer, got.v = arbitrate(end.self, end.remote, test.live)
				if got != end.want {
					t.Errorf("arbitrate(%v, %v) = %+v, want %+v", end.self[0], end.remote[0], got, end.want)
				}
			}
		})
	}
}

func TestTheProbeSettlesWhichSessionEnds(t *testing.T) {
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
			endNewer, reason := settle(test.v, test.newer, test.alive)
			if endNewer != test.endNewer || reason != test.reason {
				t.Errorf("settle = %v, %q; want %v, %q", endNewer, reason, test.endNewer, test.reason)
			}
		})
	}
}
