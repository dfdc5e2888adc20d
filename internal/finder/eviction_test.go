package finder

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
)

// at returns a sighting of a key at a port of the n-th address.
func at(k, a int, port uint16, ttl time.Duration) discovery.Sighting {
	return discovery.Sighting{Key: key(k), Addr: netip.AddrPortFrom(addr(a).Addr(), port), TTL: ttl}
}

// full fills the room of key 1 with addresses 1 to 8, found a second apart.
func (f *fixture) full(source string, ttl time.Duration) {
	f.t.Helper()
	for i := range sightingsInTests {
		f.mustSee(source, seen(1, 1+i, ttl))
		f.now = f.now.Add(time.Second)
	}
}

func TestTheAddressHeardOfLongestAgoMakesRoom(t *testing.T) {
	f := newFixture(t, 1)
	f.full("udp", time.Hour)
	f.saw("udp", seen(1, 1, time.Hour), "") // heard again: now 2 is the oldest
	f.saw("udp", seen(1, 100, time.Hour), "lost 1@2 udp expired, 7 left; updated 1@100 udp")
	f.saw("udp", seen(2, 1, time.Hour), "found 2@1 udp") // another key has its own
	f.saw("udp", seen(1, 2, time.Hour), "lost 1@3 udp expired, 7 left; updated 1@2 udp")
	if n := len(f.presencesOf(key(1))); n != sightingsInTests {
		t.Errorf("%d addresses, want %d", n, sightingsInTests)
	}
}

func TestEvictionIsSlow(t *testing.T) {
	f := newFixture(t, 1)
	f.full("udp", time.Hour)
	for i := range evictions.Burst {
		f.saw("udp", seen(1, 100+i, time.Hour), fmt.Sprintf("lost 1@%d udp expired, 7 left; updated 1@%d udp", 1+i, 100+i))
	}
	f.dropped("udp", seen(1, 200, time.Hour))
	f.now = f.now.Add(evictions.Every - 1)
	f.dropped("udp", seen(1, 200, time.Hour))
	f.saw("udp", seen(1, 107, time.Hour), "") // what is there is heard
	f.now = f.now.Add(1)
	f.saw("udp", seen(1, 200, time.Hour), "lost 1@100 udp expired, 7 left; updated 1@200 udp")
	f.dropped("udp", seen(1, 201, time.Hour))
	f.saw("mdns", seen(1, 201, time.Hour), "lost 1@101 udp expired, 7 left; updated 1@201 mdns") // its first need not wait
	f.dropped("mdns", seen(1, 202, time.Hour))
	f.saw("manual", seen(1, 203, 0), "lost 1@102 udp expired, 7 left; updated 1@203 manual")
	f.saw("manual", seen(1, 204, 0), "lost 1@203 manual expired, 7 left; updated 1@204 manual") // nor what a program says
	f.now = f.now.Add(time.Duration(evictions.Burst) * evictions.Every)
	for i := range evictions.Burst {
		f.mustSee("udp", seen(1, 300+i, time.Hour))
	}
	f.dropped("udp", seen(1, 400, time.Hour))
}

func TestAFloodedProviderEvictsItsOwn(t *testing.T) {
	f := newFixture(t, 1)
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.saw("mdns", seen(1, 2, time.Hour), "updated 1@2 mdns")
	for i := range 10_000 {
		f.now = f.now.Add(10 * time.Millisecond)
		f.sees("udp", seen(1, 10+i, time.Hour))
	}
	count := map[string]int{}
	for _, p := range f.presences() {
		count[p.Source]++
	}
	if count["manual"] != 1 || count["mdns"] != 1 || count["udp"] != sightingsInTests-2 {
		t.Errorf("%v are left", count)
	}
}

func TestOneIPCannotTakeTheRoomOfOthers(t *testing.T) {
	f := newFixture(t, 1)
	for i := range uint16(10_000) { // 100 s of forged announces, a new port each time
		f.now = f.now.Add(10 * time.Millisecond)
		f.sees("udp", at(1, 66, 1+i, time.Hour))
		f.expire(f.now)
	}
	if n := len(f.presences()); n != candidates.MinPerIP {
		t.Errorf("the forger has %d addresses, want %d", n, candidates.MinPerIP)
	}
	for i := range sightingsInTests - candidates.MinPerIP {
		f.saw("udp", seen(1, 1+i, 15*time.Second), fmt.Sprintf("updated 1@%d udp", 1+i))
	}
	f.now = f.now.Add(evictions.Every)
	f.saw("udp", at(1, 66, 20_000, time.Hour), "lost 1@66 udp expired, 7 left; updated 1@66 udp") // its own
	f.now = f.now.Add(evictions.Every)
	f.saw("udp", seen(1, 9, time.Hour), "lost 1@66 udp expired, 7 left; updated 1@9 udp") // of the IP address that has most
}

func TestWhatIsRememberedOrHeldMakesRoomFirst(t *testing.T) {
	f := newFixture(t, 1)
	f.flap() // 1, by mdns
	f.saw("mdns", gone(1, 1), "")
	for i := range sightingsInTests - 1 {
		f.mustSee("mdns", seen(1, 2+i, time.Hour))
	}
	f.saw("mdns", gone(1, 8), "lost 1@8 mdns goodbye, 7 left")
	f.saw("mdns", seen(1, 9, time.Hour), "updated 1@9 mdns")                                  // instead of 8
	f.saw("mdns", seen(1, 10, time.Hour), "lost 1@1 mdns goodbye, 7 left; updated 1@10 mdns") // as it has ended
	f.saw("mdns", seen(1, 11, time.Hour), "lost 1@2 mdns expired, 7 left; updated 1@11 mdns")
}

func TestWhatASessionWasDialledAtIsNotEvicted(t *testing.T) {
	f := newFixture(t, 1)
	f.up(1, addr(1))
	f.full("udp", time.Hour)
	f.down(1)
	flood := func() bool {
		for i := range 100 {
			f.now = f.now.Add(evictions.Every)
			f.sees("udp", seen(1, 100+i, time.Hour))
		}
		for _, p := range f.presencesOf(key(1)) {
			if p.Addr == addr(1) {
				return true
			}
		}
		return false
	}
	if !flood() {
		t.Error("the address is evicted")
	}
	f.up(1, netip.AddrPort{}) // dialled by the peer
	if !flood() {
		t.Error("the address is evicted after a session that says nothing about it")
	}
	f.up(1, addr(199)) // another one
	if flood() {
		t.Error("the address is kept after a session at another one")
	}
	f.up(1, netip.MustParseAddrPort("[::ffff:10.0.0.199]:7100"))
	if r := f.keys[key(1)]; r.privileges.Proven[0] != addr(199) {
		t.Errorf("%v is not %v", r.privileges.Proven, addr(199))
	}
}

func TestAnIPWhoseAddressesAreAllProvedTakesNoMore(t *testing.T) {
	f := newFixture(t, 1)
	for _, source := range []string{"a", "b", "c", "d"} {
		f.mustSee(source, seen(1, 1, time.Hour))
	}
	f.up(1, addr(1))
	f.dropped("a", at(1, 1, 9, time.Hour))
}

func TestUntrustedKeysHaveALimitAndTrustedOnesTheirOwnRoom(t *testing.T) {
	const friend, later = 1, 2
	f := newFixture(t, friend)
	f.saw("udp", seen(later, 1, 0), "found 2@1 udp")
	for i := 1; i < MaxUntrusted; i++ {
		f.saw("udp", seen(1000+i, 1, time.Minute), fmt.Sprintf("found %d@1 udp", 1000+i))
	}
	f.dropped("udp", seen(9999, 1, time.Minute))
	f.dropped("udp", seen(9999, 2, time.Minute))
	f.saw("udp", seen(1001, 1, time.Minute), "") // one that is there is heard again
	f.saw("udp", seen(1001, 2, time.Minute), "updated 1001@2 udp")
	f.saw("udp", seen(friend, 1, time.Minute), "found 1@1 udp")

	f.trusted = append(f.trusted, later)
	f.want(f.trust(key(later)), "updated 2@1 udp")
	f.want(f.trust(key(later)), "updated 2@1 udp")
	f.want(f.trust(key(7777)), "")
	f.saw("udp", seen(9999, 1, time.Minute), "found 9999@1 udp") // in the room that it has left
	f.dropped("udp", seen(9998, 1, time.Minute))
	f.saw("udp", gone(later, 1), "lost 2@1 udp goodbye, 0 left")
	f.dropped("udp", seen(9998, 1, time.Minute)) // that room is for trusted keys

	f.saw("udp", gone(1001, 1), "lost 1001@1 udp goodbye, 1 left")
	f.saw("udp", gone(1001, 2), "lost 1001@2 udp goodbye, 0 left")
	f.dropped("udp", seen(9998, 1, time.Minute)) // it is still remembered
	f.expired(rememberFor, "", 30*time.Second)
	f.saw("udp", seen(9998, 1, time.Minute), "found 9998@1 udp")
	if n := len(f.untrusted); n != MaxUntrusted {
		t.Errorf("%d untrusted keys, want %d", n, MaxUntrusted)
	}
	f.up(9998, addr(1)) // a key that connects is trusted
	f.down(9998)
	f.saw("udp", seen(9997, 1, time.Minute), "found 9997@1 udp")

	f.now = f.now.Add(time.Minute)
	if n := len(f.expire(f.now)); n != MaxUntrusted+2 {
		t.Errorf("%d expired", n)
	}
	f.expired(rememberFor, "", 0)
	if len(f.keys) != 0 || len(f.untrusted) != 0 {
		t.Errorf("%d keys and %d untrusted ones are left", len(f.keys), len(f.untrusted))
	}
}

// TestFloodsMakeFewChanges floods the table for two minutes, from a thousand addresses, with a goodbye after every
// announce: of one key, and of a new key each time.
func TestFloodsMakeFewChanges(t *testing.T) {
	const minutes, perSecond = 2, 50
	for name, test := range map[string]struct {
		key  func(i int) int
		most int
	}{
		// Sightings that are made: in the room of those evicted, and of those forgotten after rememberFor. Each comes and goes.
		"of one key": {func(int) int { return 1 }, 2 * (evictions.Burst + minutes*60/5 + sightingsInTests*(1+2*minutes))},
		// Untrusted keys come and go, and are remembered for half a minute.
		"of a new key each time": {func(i int) int { return 1000 + i }, 2 * MaxUntrusted * (1 + 2*minutes)},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			told := 0
			for i := range minutes * 60 * perSecond {
				f.now = f.now.Add(time.Second / perSecond)
				if i%10 == 0 {
					told += len(f.expire(f.now))
				}
				k, a := test.key(i), i%1000
				changes, _ := f.sees("mdns", seen(k, a, time.Minute))
				told += len(changes)
				told += len(f.mustSee("mdns", gone(k, a)))
				if len(f.untrusted) > MaxUntrusted || len(f.keys[key(k)].sightingsOrNone()) > sightingsInTests {
					t.Fatalf("%d untrusted keys, %d sightings", len(f.untrusted), len(f.keys[key(k)].sightings))
				}
			}
			t.Logf("%d changes", told)
			if told > test.most || told < test.most/10 {
				t.Errorf("%d changes, want at most %d, and some", told, test.most)
			}
		})
	}
}

// sightingsOrNone returns the sightings of a key, if it is known.
func (r *keyState) sightingsOrNone() map[sightingID]*sighting {
	if r == nil {
		return nil
	}
	return r.sightings
}
