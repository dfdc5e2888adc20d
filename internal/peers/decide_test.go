package peers

import (
	"net/netip"
	"slices"
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

func TestAnAnnounceDisplacesNoAddressOfThePeersFile(t *testing.T) {
	p := &peer{Config: &Config{}}
	file := p.learn(at("10.0.0.1:1"), sourceFile)
	file.sources, file.seen = []string{sourceFile}, start
	named := p.learn(at("10.0.0.2:1"), "connect")
	named.seen = start
	for i := range 5 * maxAddresses {
		a := p.learn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1 + byte(i>>8), byte(i)}), 1), "udp")
		a.sources, a.seen = []string{"udp"}, after(time.Duration(i)*time.Second)
	}
	if len(p.addrs) != maxAddresses || !slices.Contains(p.addrs, file) || slices.Contains(p.addrs, named) {
		t.Errorf("%d addresses; that of the peers file is there: %v, one that nobody names any more: %v",
			len(p.addrs), slices.Contains(p.addrs, file), slices.Contains(p.addrs, named))
	}
}

func TestRotationComesWithinAQuarterOfTheAge(t *testing.T) {
	for r, want := range map[float64]time.Duration{0: time.Hour, 0.5: time.Hour + 15*time.Minute/2, almost: 75 * time.Minute} {
		if got := rotation(time.Hour, r); got < want-time.Millisecond || got > want {
			t.Errorf("rotation(1h, %v) = %v, want %v", r, got, want)
		}
	}
}

func TestOrderPutsFirstWhatWorkedLast(t *testing.T) {
	announced, written := []string{"udp"}, []string{"udp", sourceFile}
	now := after(time.Hour)
	for _, test := range []struct {
		name   string
		addrs  []*address
		ignore bool
		want   []string
		wait   time.Duration
	}{
		{name: "nothing is known"},
		{name: "nobody names it and it never worked", addrs: []*address{{addr: at("10.0.0.1:1"), source: "connect", seen: now}}},
		{name: "nobody names it but it worked", addrs: []*address{{addr: at("10.0.0.1:1"), proven: start}}, want: []string{"10.0.0.1:1"}},
		{name: "proven before announced, latest proof first", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced, seen: now},
			{addr: at("10.0.0.2:1"), proven: after(1)},
			{addr: at("10.0.0.3:1"), proven: after(2), failures: 9},
		}, want: []string{"10.0.0.3:1", "10.0.0.2:1", "10.0.0.1:1"}},
		{name: "fewer failures first, then heard last", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: written, seen: after(3), failures: 1},
			{addr: at("10.0.0.2:1"), sources: written, seen: after(1)},
			{addr: at("10.0.0.3:1"), sources: written, seen: after(2)},
		}, want: []string{"10.0.0.3:1", "10.0.0.2:1", "10.0.0.1:1"}},
		{name: "in the peers file before announced", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced, seen: after(3)},
			{addr: at("10.0.0.2:1"), sources: written, seen: after(1), failures: 9},
		}, want: []string{"10.0.0.2:1", "10.0.0.1:1"}},
		{name: "in backoff: the shortest wait", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced, next: now.Add(3 * time.Second)},
			{addr: at("10.0.0.2:1"), sources: announced, next: now.Add(2 * time.Second)},
			{addr: at("10.0.0.3:1"), next: now.Add(time.Second)}, // not worth it
		}, wait: 2 * time.Second},
		{name: "at the moment that backoff ends", addrs: []*address{{addr: at("10.0.0.1:1"), sources: announced, next: now}}, want: []string{"10.0.0.1:1"}},
		{name: "backoff ignored", ignore: true, addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced, next: now.Add(time.Hour)},
		}, want: []string{"10.0.0.1:1"}},
		{name: "ready and not", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced},
			{addr: at("10.0.0.2:1"), sources: announced, next: now.Add(time.Minute)},
		}, want: []string{"10.0.0.1:1"}, wait: time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			ready, wait := order(test.addrs, now, test.ignore, netip.Addr{}, steady)
			var got []string
			for _, a := range ready {
				got = append(got, a.addr.String())
			}
			if !slices.Equal(got, test.want) || wait != test.wait {
				t.Errorf("order = %v, %v; want %v, %v", got, wait, test.want, test.wait)
			}
		})
	}
}

func TestAHintIsWhatNothingButDiscoverySpeaksFor(t *testing.T) {
	for _, test := range []struct {
		name string
		a    address
		want bool
	}{
		{"announced", address{sources: []string{"udp", "mdns"}}, true},
		{"nobody names it", address{}, true},
		{"proved", address{sources: []string{"udp"}, proven: start}, false},
		{"in the peers file", address{sources: []string{"udp", sourceFile}}, false},
	} {
		if got := test.a.hint(); got != test.want {
			t.Errorf("%s: hint = %v", test.name, got)
		}
	}
}

func TestEvictionSparesWhatAHandshakeHasProved(t *testing.T) {
	announced := []string{"udp"}
	for _, test := range []struct {
		name  string
		addrs []*address
		want  int
	}{
		{"none", nil, -1},
		{"all proven", []*address{{proven: after(1)}, {proven: after(2)}}, -1},
		{"the only one that is not proven", []*address{{proven: after(1)}, {sources: announced, seen: after(9)}, {proven: after(2)}}, 1},
		{"heard of longest ago", []*address{{sources: announced, seen: after(2)}, {sources: announced, seen: after(1)}, {sources: announced, seen: after(3)}}, 1},
		{"nobody names it any more", []*address{{sources: announced, seen: after(1)}, {seen: after(9)}, {sources: announced, seen: after(2)}}, 1},
		{"the first of equals", []*address{{proven: after(1)}, {seen: start}, {seen: start}}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := evict(test.addrs); got != test.want {
				t.Errorf("evict = %d, want %d", got, test.want)
			}
		})
	}
}

func TestAnnouncesNeverDisplaceAProvenAddressAndAlwaysFindRoom(t *testing.T) {
	p := &peer{}
	var proven []*address
	for i := range 3 * maxAddresses {
		a := p.learn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1), "udp")
		a.sources = []string{"udp"}
		if i%2 == 0 {
			prove(p.addrs, a, after(time.Duration(i)))
			proven = append(proven, a)
		}
		if len(p.addrs) > maxAddresses || !slices.Contains(p.addrs, a) {
			t.Fatalf("%d addresses are kept, the new one %v", len(p.addrs), slices.Contains(p.addrs, a))
		}
		for _, b := range proven[max(0, len(proven)-maxProven):] {
			if !slices.Contains(p.addrs, b) || b.proven.IsZero() {
				t.Fatalf("%v, proved lately, was displaced", b.addr)
			}
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
