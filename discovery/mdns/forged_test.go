package mdns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// asksAbout checks about which instance, and which host of it, is asked out of turn.
func (f *fixture) asksAbout(name, host string) {
	f.t.Helper()
	if got := f.asked(); len(got) != 1 || got[0].name != name || got[0].host != host {
		f.t.Errorf("asked about %v, want %s on %s", got, name, host)
	}
	f.check()
}

// TestForgedRecordsEndNothing says one thing of a node that is there and not so. What is true is not taken back, its owner is
// asked, and it holds on when it is said again.
func TestForgedRecordsEndNothing(t *testing.T) {
	one := factOf(1, "10.77.0.1")
	forge := func(f func(*fact)) *dns.Msg {
		forged := factOf(1, "10.77.0.1")
		f(&forged)
		return forged.announcement()
	}
	for _, c := range []struct {
		name   string
		packet *dns.Msg
		told   string
		asks   bool
	}{
		{"another port", forge(func(f *fact) { f.port = 9000 }), "1@10.77.0.1:9000 eth0", true},
		{"another host", forge(func(f *fact) { f.host, f.addrs = "other.local.", []string{"10.77.0.66"} }), "1@10.77.0.66:7101 eth0", true},
		{"another host without an address", forge(func(f *fact) { f.host, f.addrs = "other.local.", nil }), "", true},
		{"another key", forge(func(f *fact) { f.txt = attributes(key(2), 0) }), "2@10.77.0.1:7101 eth0", true},
		{"another address", forge(func(f *fact) { f.addrs = []string{"10.77.0.66"} }), "1@10.77.0.66:7101 eth0", true},
		{"no address of the LAN", forge(func(f *fact) { f.addrs = []string{"192.0.2.1"} }), "", false},
		{"a text without a key", forge(func(f *fact) { f.txt, f.port = []string{"v=1"}, 9000 }), "1@10.77.0.1:7101 eth0", false},
		{"a text of another version", forge(func(f *fact) { f.txt[1] = "v=2" }), "1@10.77.0.1:7101 eth0", false},
		{"a text with our own key", forge(func(f *fact) { f.txt = attributes(self, 0) }), "1@10.77.0.1:7101 eth0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
			f.after(20 * time.Second)
			f.heard(eth0, c.packet, c.told)
			if c.asks {
				f.asksAbout(one.name, read(t, c.packet).services[one.name].host)
			} else if len(f.wanted()) > 0 {
				t.Error("asked about what is not in doubt")
			}
			f.after(2 * time.Second)
			f.want(f.sweep(), "")
			f.want(f.sweep(), "")
			f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
		})
	}
}

// TestWhatIsReplacedRunsOut has a node that has changed, and says the old no more.
func TestWhatIsReplacedRunsOut(t *testing.T) {
	f := newFixture(t)
	one, changed := factOf(1, "10.77.0.1"), factOf(1, "10.77.0.5")
	changed.port, changed.txt = 9000, attributes(key(2), 0)
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.after(20 * time.Second)
	f.heard(eth0, changed.answer(), "2@10.77.0.5:9000 eth0") // what was there before runs out
	f.want(f.sweep(), "")
	f.heard(eth0, changed.answer(), "2@10.77.0.5:9000 eth0")
	for _, i := range f.instances {
		if len(i.addrs) != 1 {
			t.Errorf("%d addresses are kept", len(i.addrs))
		}
	}
}

func TestOneVersionOfAnInstanceIsKept(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1")
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	for n := range 100 {
		f.after(10 * time.Millisecond)
		forged := one
		forged.port, forged.txt, forged.host = uint16(9000+n), attributes(key(100+n), 0), fmt.Sprintf("h%d.local.", n)
		f.heard(eth0, forged.answer(), fmt.Sprintf("%d@10.77.0.1:%d eth0", 100+n, 9000+n))
	}
	if len(f.instances) != 1 {
		t.Errorf("%d instances", len(f.instances))
	}
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0") // what is true is believed again
}

// TestAGoodbyeEndsWhatWasSaidLast has a goodbye after somebody has forged another port: what was said before runs out.
func TestAGoodbyeEndsWhatWasSaidLast(t *testing.T) {
	f := newFixture(t)
	one := factOf(1, "10.77.0.1")
	forged := one
	forged.port = 9000
	f.heard(eth0, one.answer(), "1@10.77.0.1:7101 eth0")
	f.heard(eth0, forged.answer(), "1@10.77.0.1:9000 eth0")
	f.heard(eth0, one.goodbye(), "")
	f.after(goodbyeGrace)
	f.want(f.sweep(), "1@10.77.0.1:9000 goodbye")
}

func TestInstancesHaveALimit(t *testing.T) {
	f := newFixture(t)
	for i := range maxInstances {
		if got := f.table.hear(f.now, eth0, read(t, factOf(2000+i, "10.77.0.1").answer())); len(got) != 1 {
			t.Fatalf("told %v", got)
		}
		f.after(time.Millisecond)
	}
	f.heard(eth0, factOf(2000, "10.77.0.1").answer(), "2000@10.77.0.1:9100 eth0") // the second is the oldest now
	f.heard(eth0, factOf(1, "10.77.0.2").answer(), "1@10.77.0.2:7101 eth0")
	if len(f.instances) != maxInstances-roomMade+1 {
		t.Errorf("%d instances", len(f.instances))
	}
	for n, want := range map[int]bool{2000: true, 2001: false, 2000 + roomMade: false, 2001 + roomMade: true} {
		if got := f.instances[spot{eth0.Name, nameOf(key(n))}] != nil; got != want {
			t.Errorf("node %d is remembered: %v", n, got)
		}
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
	f.heard(eth0, response(address(one.host, "10.77.0.77", 1)), "1@10.77.0.77:7101 eth0") // what is forgotten runs out
}

func TestOneHostIsThatOfFewInstances(t *testing.T) {
	f := newFixture(t)
	for i := range maxFollowers + 5 {
		one := factOf(2000 + i)
		one.host = "shared.local."
		f.heard(eth0, one.answer(), "")
	}
	got := f.table.hear(f.now, eth0, read(t, response(address("shared.local.", "10.77.0.1", 120))))
	if len(got) != maxFollowers {
		t.Errorf("one record tells %d, want %d", len(got), maxFollowers)
	}
	f.check()
	forged := factOf(1)
	forged.host = factOf(2).host
	for i := range maxFollowers + 5 {
		forged.name = fmt.Sprintf("forged-%d.%s", i, serviceName)
		f.heard(eth0, forged.answer(), "")
	}
	f.heard(eth0, factOf(2).answer(), "")
	got = f.table.hear(f.now, eth0, read(t, factOf(2, "10.77.0.2").answer()))
	if d := describe(got); !strings.Contains(d, "2@10.77.0.2:7102 eth0") {
		t.Errorf("told %q: others keep a node from its own host", d)
	}
	f.check()
}

// TestOnePacketChangesFewInstances has all hosts that a packet can name, each that of many instances.
func TestOnePacketChangesFewInstances(t *testing.T) {
	const sharers = 16
	f := newFixture(t)
	var records []dns.RR
	for h := range maxHosts {
		name := fmt.Sprintf("h%d.local.", h)
		for i := range sharers {
			one := factOf(2000 + h*sharers + i)
			one.host = name
			f.heard(eth0, one.answer(), "")
		}
		records = append(records, address(name, "10.77.0.1", 120))
	}
	got := f.table.hear(f.now, eth0, read(t, response(records...)))
	if len(got) != maxFollowers {
		t.Errorf("one packet tells %d, want %d", len(got), maxFollowers)
	}
	f.check()
}
