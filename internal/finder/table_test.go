package finder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
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

// describe returns changes as text: "found 1@2 udp", the number of the key and that of the address; sorted, as what
// happens at one moment has no order.
func describe(changes []Change) string {
	var all []string
	for _, c := range changes {
		kind := [...]string{Found: "found", Updated: "updated", Lost: "lost"}[c.Kind]
		a := c.Addr.Addr().As16()
		text := fmt.Sprintf("%s %d@%d %s", kind, binary.BigEndian.Uint64(c.Key[24:]), binary.BigEndian.Uint16(a[14:]), c.Source)
		if c.Kind == Lost {
			text += " " + string(c.Reason)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// A fixture is a table with a clock of its own.
type fixture struct {
	*table
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T, trusted ...int) *fixture {
	return &fixture{newTable(func(k identity.PublicKey) bool {
		return slices.ContainsFunc(trusted, func(n int) bool { return key(n) == k })
	}), t, time.Unix(1_000_000, 0)}
}

func (f *fixture) want(changes []Change, want string) {
	f.t.Helper()
	if got := describe(changes); got != want {
		f.t.Errorf("at %v: %q, want %q", f.now.Sub(time.Unix(1_000_000, 0)), got, want)
	}
}

func (f *fixture) saw(source string, s discovery.Sighting, want string) {
	f.t.Helper()
	f.want(f.see(f.now, source, s), want)
}

// expired advances the clock and fails the test unless that is what expires, and then next is what is to expire next,
// from now.
func (f *fixture) expired(after time.Duration, want string, next time.Duration) {
	f.t.Helper()
	f.now = f.now.Add(after)
	changes, at := f.expire(f.now)
	f.want(changes, want)
	if next == 0 != at.IsZero() || next != 0 && at.Sub(f.now) != next {
		f.t.Errorf("next expiry at %v, want in %v", at, next)
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
	f.expired(1, "lost 1@1 udp expired", 0)
	f.expired(time.Hour, "", 0)
	f.saw("udp", seen(1, 1, time.Second), "found 1@1 udp")
}

func TestPresenceWithoutATimeHoldsUntilItIsTakenBack(t *testing.T) {
	f := newFixture(t)
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.expired(1000*time.Hour, "", 0)
	f.saw("manual", gone(1, 1), "lost 1@1 manual goodbye")
	f.saw("manual", gone(1, 1), "")
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.saw("manual", seen(1, 1, time.Second), "") // now it has one
	f.expired(time.Second, "lost 1@1 manual expired", 0)
}

func TestPresenceTellsFirstAndLast(t *testing.T) {
	f := newFixture(t)
	began := f.now
	f.saw("udp", seen(1, 1, time.Minute), "found 1@1 udp")
	f.now = f.now.Add(time.Second)
	f.saw("udp", seen(1, 1, time.Minute), "")
	changes := f.trust(key(1))
	want := Presence{Key: key(1), Addr: addr(1), Source: "udp", First: began, Last: f.now, Until: f.now.Add(time.Minute)}
	if len(changes) != 1 || changes[0].Presence != want {
		t.Errorf("%+v, want %+v", changes, want)
	}
}

func TestAnotherInterfaceIsAnUpdate(t *testing.T) {
	f := newFixture(t)
	s := seen(1, 1, time.Minute)
	s.Interface = "eth0"
	f.saw("udp", s, "found 1@1 udp")
	f.saw("udp", s, "")
	s.Interface = "eth1"
	changes := f.see(f.now, "udp", s)
	f.want(changes, "updated 1@1 udp")
	if len(changes) == 1 && changes[0].Interface != "eth1" {
		t.Errorf("updated to %q", changes[0].Interface)
	}
	f.saw("udp", s, "")
	s.Gone = discovery.Goodbye
	s.Interface = "eth0" // a goodbye may be heard anywhere
	f.saw("udp", s, "lost 1@1 udp goodbye")
}

func TestProvidersSpeakForThemselves(t *testing.T) {
	f := newFixture(t)
	f.saw("udp", seen(1, 1, 15*time.Second), "found 1@1 udp")
	f.saw("mdns", seen(1, 1, time.Minute), "found 1@1 mdns")
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.saw("mdns", seen(1, 2, time.Minute), "found 1@2 mdns")
	f.saw("udp", gone(1, 2), "") // what it has not said it cannot take back
	f.saw("mdns", gone(1, 1), "lost 1@1 mdns goodbye")
	f.saw("mdns", gone(2, 1), "")
	f.expired(15*time.Second, "lost 1@1 udp expired", 45*time.Second)
	f.saw("manual", discovery.Sighting{Key: key(1), Addr: addr(1), Gone: discovery.Withdrawn}, "lost 1@1 manual withdrawn")
	f.expired(45*time.Second, "lost 1@2 mdns expired", 0)
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
		if changes := f.see(f.now, "udp", s); len(changes) != 0 {
			t.Errorf("%s: %s", name, describe(changes))
		}
	}
	if len(f.keys) != 0 || len(f.strangers) != 0 {
		t.Errorf("%d keys, %d strangers are in the table", len(f.keys), len(f.strangers))
	}
}

func TestAddressesAreTheSameHoweverTheyAreWritten(t *testing.T) {
	f := newFixture(t)
	mapped := seen(1, 1, time.Minute)
	mapped.Addr = netip.AddrPortFrom(netip.AddrFrom16(addr(1).Addr().As16()), addr(1).Port())
	changes := f.see(f.now, "udp", mapped)
	if len(changes) != 1 || changes[0].Addr != addr(1) {
		t.Fatalf("found at %+v, want %v", changes, addr(1))
	}
	f.saw("udp", seen(1, 1, time.Minute), "")
	mapped.Gone = discovery.Goodbye
	f.saw("udp", mapped, "lost 1@1 udp goodbye")
	for i, text := range []string{"[fe80::1%eth0]:7100", "[fe80::1%eth1]:7100", "[fe80::1%eth0]:7101"} { // zones and ports tell apart
		s := seen(1, 1, time.Minute)
		s.Addr = netip.MustParseAddrPort(text)
		if changes := f.see(f.now, "udp", s); len(changes) != 1 || changes[0].Addr != s.Addr {
			t.Errorf("%d: %+v, want found at %s", i, changes, text)
		}
	}
}

func TestTheAddressHeardOfLongestAgoMakesRoom(t *testing.T) {
	f := newFixture(t, 1)
	for i := range MaxAddressesPerKey {
		f.saw("udp", seen(1, i, time.Minute), fmt.Sprintf("found 1@%d udp", i))
		f.now = f.now.Add(time.Second)
	}
	f.saw("udp", seen(1, 0, time.Minute), "") // heard again: now 1 is the oldest
	f.saw("udp", seen(1, 100, time.Minute), "found 1@100 udp, lost 1@1 udp expired")
	f.saw("udp", seen(2, 1, time.Minute), "found 2@1 udp") // another key has its own
	f.saw("udp", seen(1, 1, time.Minute), "found 1@1 udp, lost 1@2 udp expired")
	if n := len(f.keys[key(1)]); n != MaxAddressesPerKey {
		t.Errorf("%d addresses, want %d", n, MaxAddressesPerKey)
	}
}

func TestAFloodedProviderDisplacesItsOwn(t *testing.T) {
	f := newFixture(t, 1)
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.saw("mdns", seen(1, 2, time.Hour), "found 1@2 mdns")
	for i := range 1000 {
		f.now = f.now.Add(time.Millisecond)
		f.see(f.now, "udp", seen(1, 10+i, time.Hour))
	}
	var left []Change
	for _, p := range f.keys[key(1)] {
		left = append(left, Change{Presence: *p})
	}
	f.want(left, "found 1@1 manual, found 1@1004 udp, found 1@1005 udp, found 1@1006 udp, found 1@1007 udp, found 1@1008 udp, found 1@1009 udp, found 1@2 mdns")

	g := newFixture(t, 1)
	for i := range MaxAddressesPerKey {
		g.saw("manual", seen(1, i, 0), fmt.Sprintf("found 1@%d manual", i))
		g.now = g.now.Add(time.Second)
	}
	g.saw("udp", seen(1, 100, time.Hour), "found 1@100 udp, lost 1@0 manual expired") // it has none
	g.saw("udp", seen(1, 101, time.Hour), "found 1@101 udp, lost 1@100 udp expired")
}

func TestStrangersHaveALimitAndTrustedKeysTheirOwnRoom(t *testing.T) {
	const friend, later = 1, 2
	trusted := []int{friend}
	f := newFixture(t)
	f.trusted = func(k identity.PublicKey) bool {
		return slices.ContainsFunc(trusted, func(n int) bool { return key(n) == k })
	}
	f.saw("udp", seen(later, 1, 0), "found 2@1 udp")
	for i := 1; i < MaxStrangers; i++ {
		f.saw("udp", seen(1000+i, 1, time.Minute), fmt.Sprintf("found %d@1 udp", 1000+i))
	}
	f.saw("udp", seen(9999, 1, time.Minute), "")
	f.saw("udp", seen(9999, 2, time.Minute), "")
	if f.refused != 2 {
		t.Errorf("refused %d, want 2", f.refused)
	}
	f.saw("udp", seen(1001, 1, time.Minute), "") // one that is there is heard again
	f.saw("udp", seen(1001, 2, time.Minute), "found 1001@2 udp")
	f.saw("udp", seen(friend, 1, time.Minute), "found 1@1 udp")

	trusted = append(trusted, later)
	f.want(f.trust(key(later)), "found 2@1 udp")
	f.want(f.trust(key(later)), "found 2@1 udp")
	f.want(f.trust(key(7777)), "")
	f.saw("udp", seen(9999, 1, time.Minute), "found 9999@1 udp") // in the room that it has left
	f.saw("udp", seen(9998, 1, time.Minute), "")
	f.saw("udp", gone(later, 1), "lost 2@1 udp goodbye")
	f.saw("udp", seen(9998, 1, time.Minute), "") // that was no stranger's room any more

	f.saw("udp", gone(1001, 1), "lost 1001@1 udp goodbye")
	f.saw("udp", seen(9998, 1, time.Minute), "") // it is still somewhere else
	f.saw("udp", gone(1001, 2), "lost 1001@2 udp goodbye")
	f.saw("udp", seen(9998, 1, time.Minute), "found 9998@1 udp")
	if n := len(f.strangers); n != MaxStrangers {
		t.Errorf("%d strangers, want %d", n, MaxStrangers)
	}
	f.now = f.now.Add(time.Minute)
	if changes, _ := f.expire(f.now); len(changes) != MaxStrangers+1 || len(f.keys) != 0 || len(f.strangers) != 0 {
		t.Errorf("%d expired; %d keys and %d strangers are left", len(changes), len(f.keys), len(f.strangers))
	}
}

func TestTrustTellsTheOrderInWhichAddressesWereFound(t *testing.T) {
	f := newFixture(t)
	for _, a := range []int{5, 3, 4, 1, 2} {
		f.see(f.now, "udp", seen(1, a, time.Minute))
		if a != 3 { // 3 and 4 in the same moment
			f.now = f.now.Add(time.Second)
		}
	}
	var got []netip.AddrPort
	for _, c := range f.trust(key(1)) {
		got = append(got, c.Addr)
	}
	if want := []netip.AddrPort{addr(5), addr(3), addr(4), addr(1), addr(2)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWithdrawTakesWhatNothingElseWouldEnd(t *testing.T) {
	f := newFixture(t)
	f.saw("udp", seen(1, 1, 0), "found 1@1 udp")
	f.saw("udp", seen(2, 2, 0), "found 2@2 udp")
	f.saw("udp", seen(1, 3, time.Minute), "found 1@3 udp")
	f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
	f.want(f.withdraw("udp"), "lost 1@1 udp withdrawn, lost 2@2 udp withdrawn")
	f.want(f.withdraw("udp"), "")
	f.expired(time.Minute, "lost 1@3 udp expired", 0)
}

// TestTableAgreesWithAPlainerOne plays random sightings against a list that is searched from end to end.
func TestTableAgreesWithAPlainerOne(t *testing.T) {
	f := newFixture(t, 0, 1)
	var plain []Presence
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		f.now = f.now.Add(time.Duration(1+random.IntN(1000)) * time.Millisecond)
		k, a := random.IntN(4), random.IntN(6)
		source := []string{"udp", "mdns"}[random.IntN(2)]
		i := slices.IndexFunc(plain, func(p Presence) bool { return p.Key == key(k) && p.Addr == addr(a) && p.Source == source })
		switch random.IntN(4) {
		case 0:
			want := ""
			if i >= 0 {
				want = fmt.Sprintf("lost %d@%d %s goodbye", k, a, source)
				plain = slices.Delete(plain, i, i+1)
			}
			f.saw(source, gone(k, a), want)
		case 1:
			var want []Change
			plain = slices.DeleteFunc(plain, func(p Presence) bool {
				over := !p.Until.After(f.now)
				if over {
					want = append(want, Change{p, Lost, discovery.Expired})
				}
				return over
			})
			changes, _ := f.expire(f.now)
			f.want(changes, describe(want))
		default:
			ttl := time.Duration(1+random.IntN(20)) * time.Second
			p := Presence{Key: key(k), Addr: addr(a), Source: source, Last: f.now, Until: f.now.Add(ttl)}
			var want []Change
			if i >= 0 {
				plain[i] = p
			} else {
				of := slices.DeleteFunc(slices.Clone(plain), func(o Presence) bool { return o.Key != p.Key })
				if len(of) == MaxAddressesPerKey {
					own := slices.DeleteFunc(slices.Clone(of), func(o Presence) bool { return o.Source != source })
					if len(own) > 0 {
						of = own
					}
					out := slices.MinFunc(of, func(a, b Presence) int { return a.Last.Compare(b.Last) })
					want = append(want, Change{out, Lost, discovery.Expired})
					plain = slices.DeleteFunc(plain, func(o Presence) bool { return o == out })
				}
				want = append(want, Change{p, Found, ""})
				plain = append(plain, p)
			}
			f.saw(source, seen(k, a, ttl), describe(want))
		}
		if t.Failed() {
			return
		}
	}
	for k := range 4 {
		var want []Change
		for _, p := range plain {
			if p.Key == key(k) {
				want = append(want, Change{p, Found, ""})
			}
		}
		f.want(f.trust(key(k)), describe(want))
	}
}
