package peers

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

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
