package peers

import (
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
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
		if got := withJitter(time.Hour, r); got < want-time.Millisecond || got > want {
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
