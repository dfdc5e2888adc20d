package mdns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// Interfaces of these tests' machine: eth0 and eth1 are on different LANs.
var (
	eth0 = card(2, "eth0", "10.77.0.99/24", "fd77::99/64", "fe80::99/64")
	eth1 = card(3, "eth1", "10.78.0.99/24", "fe80::99/64")
)

func card(index int, name string, prefixes ...string) discovery.Interface {
	i := discovery.Interface{Index: index, Name: name, Flags: net.FlagUp | net.FlagRunning | net.FlagMulticast | net.FlagBroadcast}
	for _, p := range prefixes {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(p))
	}
	return i
}

// A fixture is a table under test, with a period of 10 s.
type fixture struct {
	*table
	t     *testing.T
	now   time.Time
	using []discovery.Interface
}

func newFixture(t *testing.T, using ...discovery.Interface) *fixture {
	f := &fixture{newTable(self, 10*time.Second), t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), using}
	if len(using) == 0 {
		f.using = []discovery.Interface{eth0, eth1}
	}
	return f
}

// sweep sweeps the table.
func (f *fixture) sweep() []discovery.Sighting { return f.table.sweep(f.now, f.using) }

// asked returns the instances that are worth a question out of turn, and asks it.
func (f *fixture) asked() []*instance {
	list := f.wanted()
	for _, i := range list {
		i.asked++
		i.doubt = false
	}
	return list
}

// heard enters a packet that came in on an interface, and checks what that tells.
func (f *fixture) heard(on discovery.Interface, m *dns.Msg, want string) {
	f.t.Helper()
	f.want(f.table.hear(f.now, on, read(f.t, m)), want)
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
	for s, i := range f.instances {
		if i.spot != s || len(i.addrs) > maxAddrs {
			f.t.Fatalf("%+v", i)
		}
		if len(i.addrs) > 0 && i.host == "" {
			f.t.Fatalf("%s has addresses of no host", i.name)
		}
	}
	if len(f.instances) > maxInstances {
		f.t.Fatalf("%d instances", len(f.instances))
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
	f.heard(card(4, "eth4"), factOf(2, "10.77.0.2", "fe80::2").answer(), "") // on a LAN without IPv6 and another subnet
}

func TestWhatIsHeardAgainIsToldAgain(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1", "10.77.0.2")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0, 1@10.77.0.2:7101 eth0")
	f.after(time.Second)
	f.heard(eth0, factOf(1, "10.77.0.2").answer(), "1@10.77.0.2:7101 eth0")
	f.heard(eth0, response(one.srv(), one.text()), "") // no address
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
		{"server, address, text: the address is asked for", []*dns.Msg{server, addr, txt}, ""},
		{"address, server, text: the same", []*dns.Msg{addr, server, txt}, ""},
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
			if (len(f.wanted()) > 0) != (c.last == "") {
				t.Errorf("wanting: %v", f.wanted())
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

func TestWhatIsHeardOnTwoInterfacesHoldsUntilBothTakeItBack(t *testing.T) {
	wlan0 := card(7, "wlan0", "10.77.0.98/24")
	f := newFixture(t, eth0, wlan0)
	one := factOf(1, "10.77.0.1")
	f.heard(wlan0, one.answer(), "1@10.77.0.1:7101 wlan0")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0") // the presence table decides on which it is shown
	f.heard(wlan0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "")
	f.heard(eth0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "1@10.77.0.1:7101 goodbye")
}

func TestWhatExpiresOnOneInterfaceHoldsOnAnother(t *testing.T) {
	wlan0 := card(7, "wlan0", "10.77.0.98/24")
	f := newFixture(t, eth0, wlan0)
	one := factOf(1, "10.77.0.1")
	f.heard(wlan0, one.answer(), "1@10.77.0.1:7101 wlan0")
	f.after(20 * time.Second)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.after(10 * time.Second)
	f.want(f.sweep(), "")
	if len(f.instances) != 1 {
		t.Errorf("left: %v", f.instances)
	}
	f.after(20 * time.Second)
	f.want(f.sweep(), "") // the presence table notices
	if len(f.instances) != 0 {
		t.Errorf("left: %v", f.instances)
	}
}

func TestWhatIsNotHeardIsForgottenSilently(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, response(factOf(2).srv()), "")
	f.after(30*time.Second - 1)
	f.want(f.sweep(), "")
	if len(f.instances) != 2 {
		t.Errorf("%d instances", len(f.instances))
	}
	f.after(1)
	f.want(f.sweep(), "")
	if len(f.instances) != 0 {
		t.Errorf("left: %v", f.instances)
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
			f.using = c.using
			f.want(f.sweep(), c.want)
		})
	}
}

func TestWhatIsLackingIsAskedForAFewTimes(t *testing.T) {
	f := newFixture(t)
	f.heard(eth0, factOf(1, "10.77.0.1").answer(), "1@10.77.0.1:7101 eth0")
	if len(f.wanted()) > 0 {
		t.Error("wanting what is there")
	}
	f.heard(eth0, factOf(2).answer(), "")
	for range maxAsked {
		if len(f.wanted()) == 0 {
			t.Error("not wanting")
		}
		f.asked()
	}
	if len(f.wanted()) > 0 {
		t.Error("still wanting")
	}
	f.heard(eth0, factOf(2, "10.77.0.2").answer(), "2@10.77.0.2:7102 eth0")
	f.asked()
	f.using = nil
	f.want(f.sweep(), "1@10.77.0.1:7101 withdrawn, 2@10.77.0.2:7102 withdrawn")
	if len(f.wanted()) == 0 {
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
