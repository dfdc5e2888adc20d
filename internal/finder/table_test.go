package finder

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// key returns the n-th of many keys.
func key(n int) (k identity.PublicKey) {
	binary.BigEndian.PutUint64(k[24:], uint64(n))
	return k
}

// addr returns the n-th of many addresses.
func addr(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 7100)
}

// seen returns a sighting of a key at an address.
func seen(k, a int, ttl time.Duration) discovery.Sighting {
	return discovery.Sighting{Key: key(k), Addr: addr(a), TTL: ttl}
}

func gone(k, a int) discovery.Sighting {
	return discovery.Sighting{Key: key(k), Addr: addr(a), Gone: discovery.Goodbye}
}

// describe returns changes as text, in their order: "found 1@2 udp" has the number of the key and that of the address.
func describe(changes []Change) string {
	var all []string
	for _, c := range changes {
		kind := [...]string{Found: "found", Updated: "updated", Lost: "lost"}[c.Kind]
		a := c.Addr.Addr().As16()
		text := fmt.Sprintf("%s %d@%d %s", kind, binary.BigEndian.Uint64(c.Key[24:]), binary.BigEndian.Uint16(a[14:]), c.Source)
		if c.Kind == Lost {
			text += fmt.Sprintf(" %s, %d left", c.Reason, c.Left)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// A fixture is a table with a clock of its own.
type fixture struct {
	*table
	t       *testing.T
	now     time.Time
	trusted []int
}

func newFixture(t *testing.T, trusted ...int) *fixture {
	table := newTable()
	table.perKey, table.perUntrusted = sightingsInTests, sightingsInTests
	table.random = func(int) int { return 0 } // what was heard of longest ago
	return &fixture{table, t, time.Unix(1_000_000, 0), trusted}
}

// up connects a key, at where it was dialled.
func (f *fixture) up(k int, at netip.AddrPort) { f.connect(f.now, key(k), at.Addr(), at) }

func (f *fixture) down(k int) { f.disconnect(f.now, Disconnected{Key: key(k)}) }

// sees enters a sighting.
func (f *fixture) sees(source string, s discovery.Sighting) (changes []Change, room bool) {
	return f.see(f.now, source, s, !slices.ContainsFunc(f.trusted, func(n int) bool { return key(n) == s.Key }))
}

func (f *fixture) want(changes []Change, want string) {
	f.t.Helper()
	if got := describe(changes); got != want {
		f.t.Errorf("at %v: %q, want %q", f.now.Sub(time.Unix(1_000_000, 0)), got, want)
	}
}

// saw enters a sighting for which there has to be room.
func (f *fixture) saw(source string, s discovery.Sighting, want string) {
	f.t.Helper()
	changes, room := f.sees(source, s)
	if !room {
		f.t.Errorf("at %v: no room", f.now.Sub(time.Unix(1_000_000, 0)))
	}
	f.want(changes, want)
}

// dropped enters a sighting for which there must be none.
func (f *fixture) dropped(source string, s discovery.Sighting) {
	f.t.Helper()
	if changes, room := f.sees(source, s); room || len(changes) != 0 {
		f.t.Errorf("at %v: %q, room %t, want it dropped", f.now.Sub(time.Unix(1_000_000, 0)), describe(changes), room)
	}
}

// expired advances the clock and fails the test unless that is what expires, and then next is when to look again, from
// now; 0: never.
func (f *fixture) expired(after time.Duration, want string, next time.Duration) {
	f.t.Helper()
	f.now = f.now.Add(after)
	f.want(f.expire(f.now), want)
	if next == 0 != f.next.IsZero() || next != 0 && f.next.Sub(f.now) != next {
		f.t.Errorf("at %v: next in %v, want %v", f.now.Sub(time.Unix(1_000_000, 0)), f.next.Sub(f.now), next)
	}
}

func TestPresenceIsFoundOnceAndLostOnce(t *testing.T) {
	f := newFixture(t)
	f.expired(time.Second, "", 0)
	f.saw("udp", seen(1, 1, 15*time.Second), "found 1@1 udp")
	f.expired(10*time.Second, "", 5*time.Second)
	f.saw("udp", seen(1, 1, 15*time.Second), "")
	f.expired(5*time.Second, "", 10*time.Second)
	f.expired(10*time.Second-1, "", 1)
	f.expired(1, "lost 1@1 udp expired, 0 left", rememberFor)
	f.expired(rememberFor, "", 0)
	f.expired(time.Hour, "", 0)
	f.saw("udp", seen(1, 1, time.Second), "found 1@1 udp")
}

func TestPresenceWithoutATimeHoldsUntilItIsTakenBack(t *testing.T) {
	f := newFixture(t)
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.expired(1000*time.Hour, "", 0)
	f.saw("manual", gone(1, 1), "lost 1@1 manual goodbye, 0 left")
	f.saw("manual", gone(1, 1), "")
	f.expired(0, "", 0) // and is forgotten
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.saw("manual", seen(1, 1, time.Second), "") // now it has one
	f.expired(time.Second, "lost 1@1 manual expired, 0 left", rememberFor)
}

func TestTheFirstPresenceOfAKeyIsFoundTheRestAreUpdatesAndTheLastLeavesNone(t *testing.T) {
	f := newFixture(t)
	f.saw("udp", seen(1, 1, time.Minute), "found 1@1 udp")
	f.saw("udp", seen(1, 2, time.Minute), "updated 1@2 udp")   // another address
	f.saw("mdns", seen(1, 1, time.Minute), "updated 1@1 mdns") // another provider
	f.saw("udp", seen(2, 1, time.Minute), "found 2@1 udp")
	f.saw("mdns", gone(1, 1), "lost 1@1 mdns goodbye, 2 left")
	f.saw("udp", gone(1, 1), "lost 1@1 udp goodbye, 1 left")
	f.saw("udp", seen(1, 3, time.Minute), "updated 1@3 udp") // one address replaces another
	f.saw("udp", gone(1, 2), "lost 1@2 udp goodbye, 1 left")
	f.saw("udp", gone(1, 3), "lost 1@3 udp goodbye, 0 left")
	f.saw("udp", seen(1, 2, time.Minute), "found 1@2 udp")
}

func TestPresenceTellsFirstAndLast(t *testing.T) {
	f := newFixture(t)
	began := f.now
	f.saw("udp", seen(1, 1, time.Minute), "found 1@1 udp")
	f.now = f.now.Add(time.Second)
	f.saw("udp", seen(1, 1, time.Minute), "")
	want := Presence{Key: key(1), Addr: addr(1), Source: "udp", First: began, Last: f.now, Until: f.now.Add(time.Minute)}
	if got := f.presencesOf(key(1)); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	f.saw("udp", gone(1, 1), "lost 1@1 udp goodbye, 0 left")
	if got := f.presencesOf(key(1)); len(got) != 0 {
		t.Errorf("%+v is there although it is lost", got)
	}
	f.now = f.now.Add(time.Second)
	f.saw("udp", seen(1, 1, time.Minute), "found 1@1 udp")
	if got := f.presencesOf(key(1)); len(got) != 1 || got[0].First != f.now {
		t.Errorf("%+v, want it present since now", got)
	}
}

func TestPresencesAreInOrder(t *testing.T) {
	f := newFixture(t)
	if got := f.presences(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for _, s := range []discovery.Sighting{seen(2, 1, 0), seen(1, 2, 0), seen(1, 1, 0)} {
		f.sees("udp", s)
		f.sees("mdns", s)
	}
	var got []string
	for _, p := range f.presences() {
		got = append(got, describe([]Change{{Presence: p}}))
	}
	want := []string{"found 1@1 mdns", "found 1@1 udp", "found 1@2 mdns", "found 1@2 udp", "found 2@1 mdns", "found 2@1 udp"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestProvidersSpeakForThemselves(t *testing.T) {
	f := newFixture(t)
	f.saw("udp", seen(1, 1, 15*time.Second), "found 1@1 udp")
	f.saw("mdns", seen(1, 1, time.Minute), "updated 1@1 mdns")
	f.saw("manual", seen(1, 1, 0), "updated 1@1 manual")
	f.saw("mdns", seen(1, 2, time.Minute), "updated 1@2 mdns")
	f.saw("udp", gone(1, 2), "") // what it has not said it cannot take back
	f.saw("mdns", gone(1, 1), "lost 1@1 mdns goodbye, 3 left")
	f.saw("mdns", gone(2, 1), "")
	f.expired(15*time.Second, "lost 1@1 udp expired, 2 left", 15*time.Second)
	f.saw("manual", discovery.Sighting{Key: key(1), Addr: addr(1), Gone: discovery.Withdrawn}, "lost 1@1 manual withdrawn, 1 left")
	f.expired(45*time.Second, "lost 1@2 mdns expired, 0 left", rememberFor)
}

func TestSightingsThatMeanNothingAreIgnored(t *testing.T) {
	f := newFixture(t)
	for name, s := range map[string]discovery.Sighting{
		"no address":          {Key: key(1), TTL: time.Minute},
		"port alone":          {Key: key(1), TTL: time.Minute, Addr: netip.AddrPortFrom(netip.Addr{}, 7100)},
		"port 0":              {Key: key(1), TTL: time.Minute, Addr: netip.AddrPortFrom(addr(1).Addr(), 0)},
		"past":                seen(1, 1, -time.Second),
		"gone without a word": gone(1, 1),
	} {
		if changes, room := f.sees("udp", s); len(changes) != 0 || !room {
			t.Errorf("%s: %s, room %t", name, describe(changes), room)
		}
	}
	if len(f.keys) != 0 || len(f.untrusted) != 0 {
		t.Errorf("%d keys, %d untrusted ones are in the table", len(f.keys), len(f.untrusted))
	}
}

func TestAddressesAreTheSameHoweverTheyAreWritten(t *testing.T) {
	f := newFixture(t)
	mapped := seen(1, 1, time.Minute)
	mapped.Addr = netip.AddrPortFrom(netip.AddrFrom16(addr(1).Addr().As16()), addr(1).Port())
	changes, _ := f.sees("udp", mapped)
	if len(changes) != 1 || changes[0].Addr != addr(1) {
		t.Fatalf("found at %+v, want %v", changes, addr(1))
	}
	f.saw("udp", seen(1, 1, time.Minute), "")
	mapped.Gone = discovery.Goodbye
	f.saw("udp", mapped, "lost 1@1 udp goodbye, 0 left")
	for i, text := range []string{"[fe80::1%eth0]:7100", "[fe80::1%eth1]:7100", "[fe80::1%eth0]:7101"} { // zones and ports tell apart
		s := seen(1, 1, time.Minute)
		s.Addr = netip.MustParseAddrPort(text)
		if changes, _ := f.sees("udp", s); len(changes) != 1 || changes[0].Addr != s.Addr {
			t.Errorf("%d: %+v, want found at %s", i, changes, text)
		}
	}
}

func TestTrustTellsTheOrderInWhichAddressesWereFound(t *testing.T) {
	f := newFixture(t)
	for _, a := range []int{5, 3, 4, 1, 2} {
		f.sees("udp", seen(1, a, time.Minute))
		if a != 3 { // 3 and 4 in the same moment
			f.now = f.now.Add(time.Second)
		}
	}
	f.saw("udp", gone(1, 5), "lost 1@5 udp goodbye, 4 left")
	f.want(f.trust(key(1)), "updated 1@3 udp; updated 1@4 udp; updated 1@1 udp; updated 1@2 udp")
	f.want(f.trust(key(2)), "")
}

func TestWithdrawTakesWhatNothingElseWouldEnd(t *testing.T) {
	f := newFixture(t)
	f.saw("udp", seen(1, 1, 0), "found 1@1 udp")
	f.saw("udp", seen(2, 2, 0), "found 2@2 udp")
	f.saw("udp", seen(1, 3, time.Minute), "updated 1@3 udp")
	f.saw("manual", seen(1, 1, 0), "updated 1@1 manual")
	f.want(f.withdraw(f.now, "udp"), "lost 1@1 udp withdrawn, 2 left; lost 2@2 udp withdrawn, 0 left")
	f.want(f.withdraw(f.now, "udp"), "")
	f.expired(time.Minute, "lost 1@3 udp expired, 1 left", rememberFor)
}

func TestWhatExpiresTogetherIsToldInTheOrderOfItsEnds(t *testing.T) {
	f := newFixture(t)
	for i := range 8 {
		f.sees("udp", seen(1+i%2, 1+i, time.Duration(20-i/2)*time.Second))
	}
	f.expired(time.Minute, "lost 1@7 udp expired, 3 left; lost 2@8 udp expired, 3 left; lost 1@5 udp expired, 2 left; lost 2@6 udp expired, 2 left; "+
		"lost 1@3 udp expired, 1 left; lost 2@4 udp expired, 1 left; lost 1@1 udp expired, 0 left; lost 2@2 udp expired, 0 left", rememberFor)
}

func TestPresencesOfAConnectedKeyDoNotExpire(t *testing.T) {
	f := newFixture(t, 1)
	f.saw("udp", seen(1, 1, 15*time.Second), "found 1@1 udp")
	f.saw("udp", seen(2, 1, 15*time.Second), "found 2@1 udp")
	f.up(1, addr(1))
	f.saw("mdns", seen(1, 2, time.Minute), "updated 1@2 mdns") // also those that come later
	f.expired(15*time.Second, "lost 2@1 udp expired, 0 left", rememberFor)
	f.expired(time.Hour, "", 0)
	for _, p := range f.presencesOf(key(1)) {
		if !p.Until.IsZero() {
			t.Errorf("it says until %v", p.Until)
		}
	}
	f.saw("mdns", gone(1, 2), "lost 1@2 mdns goodbye, 1 left") // what is taken back is lost
	f.up(1, addr(1))                                           // again: no change
	f.now = f.now.Add(time.Hour)
	f.down(1)
	f.expired(15*time.Second-1, "", 1)
	f.expired(1, "lost 1@1 udp expired, 0 left", rememberFor)
	f.down(1) // again: no change
	f.down(3)
}

func TestConnectionsLeaveNothingBehind(t *testing.T) {
	f := newFixture(t, 1)
	f.up(1, addr(1))
	if got := f.presences(); len(got) != 0 {
		t.Errorf("a session alone makes %+v", got)
	}
	f.saw("udp", seen(1, 1, time.Second), "found 1@1 udp")
	f.saw("udp", gone(1, 1), "lost 1@1 udp goodbye, 0 left")
	f.expired(rememberFor, "", 0)
	if len(f.keys) != 1 {
		t.Errorf("%d keys, want the one that is connected", len(f.keys))
	}
	f.down(1)
	if len(f.keys) != 0 {
		t.Errorf("%d keys are left", len(f.keys))
	}
}

func TestRenewGivesEverythingItsWholeTime(t *testing.T) {
	f := newFixture(t, 3)
	f.saw("udp", seen(1, 1, 15*time.Second), "found 1@1 udp")
	f.saw("mdns", seen(2, 1, time.Minute), "found 2@1 mdns")
	f.saw("manual", seen(2, 2, 0), "updated 2@2 manual")
	f.saw("udp", seen(3, 1, 15*time.Second), "found 3@1 udp")
	f.up(3, netip.AddrPort{})
	f.now = f.now.Add(8 * time.Hour)
	f.renew(f.now)
	f.expired(0, "", 15*time.Second)
	f.expired(15*time.Second, "lost 1@1 udp expired, 0 left", rememberFor)
	f.expired(45*time.Second, "lost 2@1 mdns expired, 1 left", rememberFor)
	f.expired(time.Hour, "", 0)
}

// sightingsInTests is how many sightings a key may have in the tables of these tests.
const sightingsInTests = 8
