package mdns

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Interfaces of these tests' machine: eth0 and eth1 are on different links.
var (
	eth0 = card(2, "eth0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64")
	eth1 = card(3, "eth1", "10.78.0.99/24", "fe80::99/64")
)

func card(index int, name string, prefixes ...string) discovery.Interface {
	i := discovery.Interface{Index: index, Name: name, Flags: carries | net.FlagBroadcast}
	for _, p := range prefixes {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(p))
	}
	return i
}

// A fixture is a table under test, with a period of 10 s.
type fixture struct {
	*table
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T, using ...discovery.Interface) *fixture {
	f := &fixture{newTable(self, 10*time.Second), t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if len(using) == 0 {
		using = []discovery.Interface{eth0, eth1}
	}
	f.want(f.moved(f.now, using), "")
	return f
}

// heard enters a packet that came in on an interface, and checks what that tells.
func (f *fixture) heard(on discovery.Interface, m *dns.Msg, want string) {
	f.t.Helper()
	f.want(f.table.hear(f.now, on.Index, read(f.t, m)), want)
}

func (f *fixture) want(got []discovery.Sighting, want string) {
	f.t.Helper()
	if d := describe(got); d != want {
		f.t.Errorf("told  %q\nwant  %q", d, want)
	}
	f.check()
}

// after lets time pass.
func (f *fixture) after(d time.Duration) { f.now = f.now.Add(d) }

// describe writes sightings as "1@10.0.0.1:7101 eth0" or "1@10.0.0.1:7101 goodbye", with the TTL if that is not 30 s.
func describe(list []discovery.Sighting) string {
	var parts []string
	for _, s := range list {
		part := fmt.Sprintf("%d@%v ", int(s.Key[0])|int(s.Key[1])<<8, s.Addr)
		if s.Gone != "" {
			part += string(s.Gone)
		} else {
			part += s.Interface
			if s.TTL != 30*time.Second {
				part += " " + s.TTL.String()
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// check fails the test unless all parts of the table agree.
func (f *fixture) check() {
	f.t.Helper()
	claims := make(map[hint]int)
	hosted := 0
	for name, i := range f.instances {
		if i.name != name || len(i.places) > maxAddrs {
			f.t.Fatalf("%+v", i)
		}
		for _, h := range i.hints() {
			claims[h]++
		}
		for _, p := range i.places {
			if _, ok := p.via[p.on]; !ok {
				f.t.Fatalf("a place told with %q was heard on %v", p.on, p.via)
			}
		}
		if slices.Contains(f.hosts[i.host], i) {
			hosted++
		}
	}
	for host, list := range f.hosts {
		if hosted -= len(list); host == "" || len(list) == 0 || len(list) > maxSharers {
			f.t.Fatalf("%d instances on %q", len(list), host)
		}
	}
	if hosted != 0 || len(f.instances) > maxInstances || !maps.Equal(claims, f.claims) {
		f.t.Fatalf("%d, %d instances, claims %v, want %v", hosted, len(f.instances), f.claims, claims)
	}
}

func TestAnswersAreTold(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1", "fd77::1").answer(), "1@10.77.0.1:7101 eth0, 1@[fd77::1]:7101 eth0")
	f.heard(eth1, factOf(2, "10.78.0.2", "fe80::2").announcement(), "2@10.78.0.2:7102 eth1, 2@[fe80::2%eth1]:7102 eth1")
}

func TestOnlyAddressesOnTheLinkAreTold(t *testing.T) {
	f := newFixture(t, eth0, card(4, "eth4", "10.79.0.99/24"))
	f.heard(eth0, factOf(1, "8.8.8.8", "10.78.0.1", "10.77.0.1", "2001:db8::1", "169.254.1.1").answer(), "1@10.77.0.1:7101 eth0")
	f.heard(card(4, "eth4"), factOf(2, "10.77.0.2", "fe80::2").answer(), "") // on a link without IPv6 and another subnet
	if f.table.hear(f.now, 77, read(t, factOf(3, "10.77.0.3").answer())) != nil {
		t.Error("heard on an interface that is not in use")
	}
}

func TestWhatIsHeardAgainIsToldNowAndThen(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.after(time.Second - 1)
	f.heard(eth0, one.answer(), "")
	f.after(1)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, one.answer(), "")
}

func TestOwnRecordsAreIgnored(t *testing.T) {
	f := newFixture(t)
	own := factOf(1000, "10.77.0.99")
	f.heard(eth0, own.answer(), "")
	own.name = "copy." + serviceName // our key under another name
	f.heard(eth0, own.answer(), "")
	forged := factOf(1, "10.77.0.1") // another key under our name
	forged.name = nameOf(self)
	f.heard(eth0, forged.answer(), "")
	if len(f.instances) != 0 {
		t.Errorf("%v", f.instances)
	}
}

func TestRecordsMayComeInSeveralPackets(t *testing.T) {
	one := factOf(1, "10.77.0.1")
	server, txt, addr := response(one.srv()), response(one.text()), response(one.hosts()...)
	for _, c := range []struct {
		name    string
		packets []*dns.Msg
		last    string
	}{
		{"server, text, address", []*dns.Msg{server, txt, addr}, "1@10.77.0.1:7101 eth0"},
		{"text, server, address", []*dns.Msg{txt, server, addr}, "1@10.77.0.1:7101 eth0"},
		{"server, address, text", []*dns.Msg{server, addr, txt}, "1@10.77.0.1:7101 eth0"},
		{"address, server, text: the address is asked for", []*dns.Msg{addr, server, txt}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			for i, p := range c.packets {
				want := ""
				if i == len(c.packets)-1 {
					want = c.last
				}
				f.heard(eth0, p, want)
			}
			if f.wanting() != (c.last == "") {
				t.Errorf("wanting: %v", f.wanting())
			}
			f.after(time.Second)
			f.heard(eth0, addr, "1@10.77.0.1:7101 eth0")
		})
	}
}

func TestFamiliesInPacketsOfTheirOwnAreGathered(t *testing.T) {
	f := newFixture(t)
	both := func() (a, b *dns.Msg) { return factOf(1, "10.77.0.1").answer(), factOf(1, "fd77::1").answer() }
	four, six := both()
	f.heard(eth0, four, "1@10.77.0.1:7101 eth0")
	f.heard(eth0, six, "1@[fd77::1]:7101 eth0")
	f.after(5 * time.Second)
	f.heard(eth0, six, "1@[fd77::1]:7101 eth0")
	f.after(5 * time.Second)
	f.heard(eth0, four, "1@10.77.0.1:7101 eth0")
}

func TestAnotherAddressReplacesTheOld(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1", "fd77::1").answer(), "1@10.77.0.1:7101 eth0, 1@[fd77::1]:7101 eth0")
	f.after(time.Second)
	f.heard(eth0, factOf(1, "10.77.0.5").answer(), "1@10.77.0.5:7101 eth0") // heard a second ago: perhaps it goes on
	f.after(1)
	f.heard(eth0, factOf(1, "10.77.0.5").answer(), "1@10.77.0.1:7101 withdrawn")
	f.after(time.Minute)
	f.heard(eth0, factOf(1, "10.77.0.6").announcement(), "1@10.77.0.6:7101 eth0, 1@10.77.0.5:7101 withdrawn")
	f.heard(eth0, response(address(factOf(1).host, "fd77::7", 120)), "1@[fd77::7]:7101 eth0, 1@[fd77::1]:7101 withdrawn") // the address alone
	f.after(time.Minute)
	f.heard(eth0, factOf(1, "192.0.2.1").announcement(), "1@10.77.0.6:7101 withdrawn") // it has gone elsewhere
}

func TestAddressesAreWithdrawnOneByOne(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1", "10.77.0.2", "fe80::1")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0, 1@10.77.0.2:7101 eth0, 1@[fe80::1%eth0]:7101 eth0")
	f.heard(eth0, response(address(one.host, "10.77.0.2", 0), address(one.host, "fe80::1", 0)), "1@10.77.0.2:7101 withdrawn, 1@[fe80::1%eth0]:7101 withdrawn")
	f.heard(eth1, response(address(one.host, "10.77.0.1", 0)), "") // said on another link
}

func TestAnotherPortKeyOrHostReplacesTheOld(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	one.port = 9000
	f.heard(eth0, one.answer(), "1@10.77.0.1:9000 eth0, 1@10.77.0.1:7101 withdrawn")
	one.port = 9001
	f.heard(eth0, response(one.srv()), "1@10.77.0.1:9001 eth0, 1@10.77.0.1:9000 withdrawn")
	one.txt = attributes(key(2))
	f.heard(eth0, response(one.text()), "2@10.77.0.1:9001 eth0, 1@10.77.0.1:9001 withdrawn")
	one.host = "other.local."
	f.heard(eth0, one.answer(), "2@10.77.0.1:9001 eth0")
	one.host, one.addrs = "third.local.", []string{"10.77.0.3"}
	f.heard(eth0, one.answer(), "2@10.77.0.3:9001 eth0, 2@10.77.0.1:9001 withdrawn")
	f.heard(eth0, response(address("other.local.", "10.77.0.4", 120)), "") // no longer its host
	one.txt = []string{"v=2"}
	f.heard(eth0, one.answer(), "2@10.77.0.3:9001 withdrawn")
	if len(f.instances)+len(f.hosts) != 0 {
		t.Errorf("left: %v, %v", f.instances, f.hosts)
	}
}

func TestGoodbyeCountsAfterAMoment(t *testing.T) {
	for _, bye := range []struct {
		name   string
		packet *dns.Msg
	}{
		{"all", factOf(1).goodbye()},
		{"the pointer", response(fact{name: factOf(1).name}.ptr())},
		{"the server", response(fact{name: factOf(1).name, port: 1, host: "x."}.srv())},
	} {
		t.Run(bye.name, func(t *testing.T) {
			f := newFixture(t)
			f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
			f.heard(eth0, factOf(2, "10.77.0.2").answer(), "2@10.77.0.2:7102 eth0")
			f.heard(eth0, bye.packet, "")
			at := f.nextEnd
			if at != f.now.Add(goodbyeGrace) {
				t.Errorf("counts at %v", at)
			}
			f.after(goodbyeGrace - 1)
			f.heard(eth0, bye.packet, "") // saying it again puts nothing off
			f.want(f.end(f.now), "")
			f.after(1)
			f.want(f.end(f.now), "1@10.77.0.1:7101 goodbye")
			f.want(f.end(f.now), "")
			if !f.nextEnd.IsZero() || len(f.instances) != 1 {
				t.Errorf("next end %v, %d instances", f.nextEnd, len(f.instances))
			}
			f.heard(eth0, bye.packet, "")
			f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
		})
	}
}

func TestAGoodbyeIsContradictedByRecords(t *testing.T) {
	one := factOf(1, "10.77.0.1")
	for name, packet := range map[string]*dns.Msg{"answer": one.answer(), "server": response(one.srv()), "text": response(one.text())} {
		f := newFixture(t)
		f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
		f.heard(eth0, one.goodbye(), "")
		f.heard(eth1, packet, "") // what is said on another link does not contradict
		f.heard(eth0, packet, "")
		f.after(goodbyeGrace)
		f.want(f.end(f.now), "")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	f := newFixture(t)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, one.goodbye(), "")
	f.heard(eth0, response(one.hosts()...), "") // the host is there; its service may not be
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "1@10.77.0.1:7101 goodbye")
}

func TestGoodbyesEndWhatWasHeardOnTheirLink(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth1, factOf(1, "10.78.0.1").answer(), "1@10.78.0.1:7101 eth1")
	f.heard(eth0, factOf(1).goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "1@10.77.0.1:7101 goodbye")
	f.heard(eth1, factOf(2).goodbye(), "") // unknown
	f.heard(eth0, factOf(1).goodbye(), "") // not heard here any more
	if !f.nextEnd.IsZero() {
		t.Error("a goodbye of nothing counts")
	}
	f.heard(eth1, factOf(1).goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "1@10.78.0.1:7101 goodbye")
}

func TestTwoInterfacesOnOneLinkTellOne(t *testing.T) {
	wlan0 := card(7, "wlan0", "10.77.0.98/24")
	f := newFixture(t, eth0, wlan0)
	one := factOf(1, "10.77.0.1")
	f.heard(wlan0, one.answer(), "1@10.77.0.1:7101 wlan0")
	f.heard(eth0, one.answer(), "")
	f.after(time.Second)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 wlan0") // it stays the first one
	f.heard(wlan0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "1@10.77.0.1:7101 eth0 29.75s") // it holds no longer than it did
	f.heard(eth0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "1@10.77.0.1:7101 goodbye")
}

func TestAnInterfaceThatHearsNothingMoreIsReplaced(t *testing.T) {
	wlan0 := card(7, "wlan0", "10.77.0.98/24")
	f := newFixture(t, eth0, wlan0)
	one := factOf(1, "10.77.0.1")
	f.heard(wlan0, one.answer(), "1@10.77.0.1:7101 wlan0")
	f.after(20 * time.Second)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 wlan0")
	f.after(10*time.Second - 1)
	f.want(f.expire(f.now), "")
	f.after(1)
	f.want(f.expire(f.now), "1@10.77.0.1:7101 eth0 20s")
	f.after(20 * time.Second)
	f.want(f.expire(f.now), "") // the presence table notices
	if len(f.instances) != 0 {
		t.Errorf("left: %v", f.instances)
	}
}

func TestWhatIsNotHeardIsForgottenSilently(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, response(factOf(2).srv()), "")
	f.after(30*time.Second - 1)
	f.want(f.expire(f.now), "")
	if len(f.instances) != 2 {
		t.Errorf("%d instances", len(f.instances))
	}
	f.after(1)
	f.want(f.expire(f.now), "")
	if len(f.instances)+len(f.hosts)+len(f.claims) != 0 {
		t.Errorf("left: %v, %v, %v", f.instances, f.hosts, f.claims)
	}
}

func TestMovedWithdrawsWhatCannotBeReachedAnyMore(t *testing.T) {
	for _, c := range []struct {
		name  string
		using []discovery.Interface
		want  string
	}{
		{"nothing", []discovery.Interface{eth0, eth1}, ""},
		{"another index: made again", []discovery.Interface{card(12, "eth0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64"), eth1}, ""},
		{"another address on the same subnets", []discovery.Interface{card(2, "eth0", "10.77.0.77/24", "fd77::77/64", "fe80::77/64"), eth1}, ""},
		{"an interface has gone", []discovery.Interface{eth0}, "1@10.78.0.1:7101 withdrawn, 1@[fe80::1%eth1]:7101 withdrawn"},
		{"another subnet", []discovery.Interface{card(2, "eth0", "10.1.0.9/24", "fd77::99/64"), eth1}, "1@10.77.0.1:7101 withdrawn"},
		{"no IPv6 any more", []discovery.Interface{eth0, card(3, "eth1", "10.78.0.99/24")}, "1@[fe80::1%eth1]:7101 withdrawn"},
		{"no interface at all", nil, "1@10.77.0.1:7101 withdrawn, 1@10.78.0.1:7101 withdrawn, 1@[fd77::1]:7101 withdrawn, 1@[fe80::1%eth1]:7101 withdrawn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.heard(eth0, factOf(1, "10.77.0.1", "fd77::1").answer(), "1@10.77.0.1:7101 eth0, 1@[fd77::1]:7101 eth0")
			f.heard(eth1, factOf(1, "10.78.0.1", "fe80::1").answer(), "1@10.78.0.1:7101 eth1, 1@[fe80::1%eth1]:7101 eth1")
			f.heard(eth1, factOf(1).goodbye(), "")
			f.want(f.moved(f.now, c.using), c.want)
			if c.using == nil {
				if f.table.hear(f.now, eth0.Index, read(t, factOf(1, "10.77.0.1").answer())) != nil {
					t.Error("heard without an interface")
				}
			}
		})
	}
}

func TestWhatTwoInstancesSayHoldsUntilBothAreGone(t *testing.T) {
	f := newFixture(t)
	one, twin := factOf(1, "10.77.0.1"), factOf(1, "10.77.0.1")
	twin.name = "twin." + serviceName
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, twin.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "")
	f.heard(eth0, twin.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.end(f.now), "1@10.77.0.1:7101 goodbye")
}

func TestInstancesHaveALimit(t *testing.T) {
	f := newFixture(t)
	for i := range maxInstances {
		if got := f.table.hear(f.now, eth0.Index, read(t, factOf(2000+i, "10.77.0.1").answer())); len(got) != 1 {
			t.Fatalf("told %v", got)
		}
		f.after(time.Millisecond)
	}
	f.heard(eth0, factOf(2000, "10.77.0.1").answer(), "2000@10.77.0.1:9100 eth0") // the second is the oldest now
	f.heard(eth0, factOf(1, "10.77.0.2").answer(), "1@10.77.0.2:7101 eth0")
	if len(f.instances) != maxInstances || f.instances[nameOf(key(2001))] != nil || f.instances[nameOf(key(2000))] == nil {
		t.Errorf("%d instances", len(f.instances))
	}
	f.heard(eth0, factOf(2001, "10.77.0.1").answer(), "2001@10.77.0.1:9101 eth0")
}

func TestAddressesOfAnInstanceHaveALimit(t *testing.T) {
	f := newFixture(t)
	one := factOf(1)
	var want []string
	for i := range 12 {
		one.addrs = append(one.addrs, fmt.Sprintf("10.77.0.%d", i+1))
		if i < maxAddrs {
			want = append(want, fmt.Sprintf("1@10.77.0.%d:7101 eth0", i+1))
		}
	}
	f.heard(eth0, one.answer(), strings.Join(want, ", ")) // those over the limit are not heard
	f.after(time.Millisecond)
	f.heard(eth0, response(address(one.host, "10.77.0.77", 1)), "1@10.77.0.77:7101 eth0, 1@10.77.0.1:7101 withdrawn")
}

func TestOneHostIsThatOfFewInstances(t *testing.T) {
	f := newFixture(t)
	for i := range maxSharers + 5 {
		one := factOf(2000 + i)
		one.host = "shared.local."
		f.heard(eth0, one.answer(), "")
	}
	got := f.table.hear(f.now, eth0.Index, read(t, response(address("shared.local.", "10.77.0.1", 120))))
	if len(got) != maxSharers {
		t.Errorf("one record tells %d, want %d", len(got), maxSharers)
	}
	f.check()
}

func TestWhatIsLackingIsAskedForAFewTimes(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	if f.wanting() {
		t.Error("wanting what is there")
	}
	f.heard(eth0, factOf(2).answer(), "")
	for range maxAsked {
		if !f.wanting() {
			t.Error("not wanting")
		}
		f.asked()
	}
	if f.wanting() {
		t.Error("still wanting")
	}
	f.heard(eth0, factOf(2, "10.77.0.2").answer(), "2@10.77.0.2:7102 eth0")
	f.asked()
	f.want(f.moved(f.now, nil), "1@10.77.0.1:7101 withdrawn, 2@10.77.0.2:7102 withdrawn")
	if !f.wanting() {
		t.Error("not wanting what was there once")
	}
}

func TestTheStalestIsWhoWasNotHeardForLongest(t *testing.T) {
	f := newFixture(t)
	if !f.stalest().IsZero() {
		t.Error("nobody is there")
	}
	f.heard(eth0, factOf(3).answer(), "") // not complete
	begin := f.now
	for i := 1; i <= 2; i++ {
		f.after(time.Second)
		f.heard(eth0, factOf(i, "10.77.0.1").answer(), fmt.Sprintf("%d@10.77.0.1:710%d eth0", i, i))
	}
	if got := f.stalest().Sub(begin); got != time.Second {
		t.Errorf("%v", got)
	}
	f.after(time.Second)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	if got := f.stalest().Sub(begin); got != 2*time.Second {
		t.Errorf("%v", got)
	}
}

// TestWhatIsToldAgreesWithWhatWasSaid plays random packets from nodes that follow the protocol, and compares the
// presences that the sightings make, expired by their TTL, with a list of what each node said last on each link.
func TestWhatIsToldAgreesWithWhatWasSaid(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	f := newFixture(t)
	type place struct {
		n  int
		on int
	}
	type saying struct {
		fact
		at, bye time.Time
	}
	said := make(map[place]saying)
	told := make(map[string]time.Time)  // until
	twins := make(map[string]time.Time) // when a twin said so last
	note := func(list []discovery.Sighting) {
		f.check()
		for _, s := range list {
			name := fmt.Sprint(s.Key.Fingerprint(), s.Addr)
			if s.Gone != "" {
				if _, ok := told[name]; !ok {
					t.Fatalf("%s is gone and was not there", name)
				}
				delete(told, name)
				continue
			}
			if s.TTL <= 0 || s.TTL > f.ttl {
				t.Fatalf("TTL %v", s.TTL)
			}
			told[name] = f.now.Add(s.TTL)
		}
	}
	for range 3_000 {
		f.after(time.Duration(random.IntN(3000)) * time.Millisecond)
		note(f.end(f.now))
		note(f.expire(f.now))
		at := place{1 + random.IntN(4), random.IntN(2)}
		link := []discovery.Interface{eth0, eth1}[at.on]
		one := factOf(at.n, fmt.Sprintf("10.%d.0.%d", 77+at.on, at.n*10+random.IntN(2)), fmt.Sprintf("fe80::%d", at.n))
		s := said[at]
		action := random.IntN(8)
		if action > 0 {
			f.after(flushAfter + 1) // nodes do not change their addresses faster
			note(f.end(f.now))
			note(f.expire(f.now))
		}
		switch action {
		case 0:
			note(f.table.hear(f.now, link.Index, read(t, one.goodbye())))
			if s.bye.IsZero() {
				s.bye = f.now.Add(goodbyeGrace)
			}
		case 1: // the same from another machine with this key
			one.name = fmt.Sprintf("twin-%d.%s", at.n, serviceName)
			one.host = fmt.Sprintf("twin-%d.local.", at.n)
			at.n += 10
			s = saying{fact: one, at: f.now}
			note(f.table.hear(f.now, link.Index, read(t, one.announcement())))
		default:
			s = saying{fact: one, at: f.now}
			note(f.table.hear(f.now, link.Index, read(t, one.answer())))
		}
		if s.at.IsZero() {
			continue
		}
		said[at] = s
		// All that was said must be told, for as long as it was said.
		want := make(map[string]time.Time)
		for at, s := range said {
			if f.now.Sub(s.at) >= f.ttl || !s.bye.IsZero() && !f.now.Before(s.bye) {
				delete(said, at)
				continue
			}
			for _, a := range s.addrs {
				addr := netip.MustParseAddr(a)
				if addr.Is6() {
					addr = addr.WithZone([]string{"eth0", "eth1"}[at.on])
				}
				name := fmt.Sprint(key(at.n%10).Fingerprint(), netip.AddrPortFrom(addr, s.port))
				if at.n > 10 {
					twins[name] = s.at
				}
				if until := s.at.Add(f.ttl); until.After(want[name]) {
					want[name] = until
				}
			}
		}
		maps.DeleteFunc(told, func(_ string, until time.Time) bool { return !f.now.Before(until) })
		for name, until := range want {
			if early := until.Sub(told[name]); early > f.quiet && until.After(f.now.Add(f.quiet)) {
				t.Fatalf("%s is told until %v, said until %v", name, told[name], until)
			}
		}
		for name := range told {
			_, ok := want[name]
			shared := twins[name] // what both said, and one took back, holds on when the other falls silent
			if !ok && (shared.IsZero() || f.now.Sub(shared) > 2*f.ttl) {
				t.Fatalf("%s is told, and nobody says so", name)
			}
		}
	}
	if len(told) == 0 {
		t.Error("nothing was told in the end")
	}
}
