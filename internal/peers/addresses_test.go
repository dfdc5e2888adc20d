package peers

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A stoppedClock shows one time.
type stoppedClock struct {
	clock.Clock
	now time.Time
}

func (c *stoppedClock) Now() time.Time { return c.now }

// knowing returns a peer that knows these addresses, on which no time passes.
func knowing(now time.Time, addrs ...*address) *peer {
	return &peer{Config: &Config{Clock: &stoppedClock{now: now}, Jitter: steady}, addrs: addrs, hints: newHintLimiter()}
}

// inOrder returns the addresses that a round would dial, in order, and how long until there is one more.
func (p *peer) inOrder(force bool) (list []string, wait time.Duration) {
	due, wait := p.dueAddresses(force)
	r := new(round)
	for _, a := range due {
		r.left = append(r.left, a.addr)
	}
	for _, c := range p.arrange(r) {
		list = append(list, c.Addr.String())
	}
	return list, wait
}

func TestAnAnnounceEvictsNoAddressOfThePeersFile(t *testing.T) {
	p := &peer{Config: &Config{}}
	file := p.learn(at("10.0.0.1:1"), sourceFile, false)
	file.sources, file.seen = []string{sourceFile}, start
	named := p.learn(at("10.0.0.2:1"), "connect", false)
	named.seen = start
	for i := range 5 * maxAddresses {
		a := p.learn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1 + byte(i>>8), byte(i)}), 1), "udp", false)
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
		proven []netip.AddrPort // the latest first
		ignore bool
		want   []string
		wait   time.Duration
	}{
		{name: "nothing is known"},
		{name: "nobody names it and it never worked", addrs: []*address{{addr: at("10.0.0.1:1"), source: "connect", seen: now}}},
		{name: "nobody names it but it worked", addrs: []*address{{addr: at("10.0.0.1:1")}}, proven: []netip.AddrPort{at("10.0.0.1:1")}, want: []string{"10.0.0.1:1"}},
		{name: "proven before announced, latest proof first", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced, seen: now},
			{addr: at("10.0.0.2:1")},
			{addr: at("10.0.0.3:1"), failures: 9},
		}, proven: []netip.AddrPort{at("10.0.0.3:1"), at("10.0.0.2:1")}, want: []string{"10.0.0.3:1", "10.0.0.2:1", "10.0.0.1:1"}},
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
		{name: "due and not", addrs: []*address{
			{addr: at("10.0.0.1:1"), sources: announced},
			{addr: at("10.0.0.2:1"), sources: announced, next: now.Add(time.Minute)},
		}, want: []string{"10.0.0.1:1"}, wait: time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := knowing(now, test.addrs...)
			p.privileges.Proven = test.proven
			got, wait := p.inOrder(test.ignore)
			if !slices.Equal(got, test.want) || wait != test.wait {
				t.Errorf("%v, %v; want %v, %v", got, wait, test.want, test.wait)
			}
		})
	}
}

func TestWhatIsSaidOfAnAddressAndWhatWasProvedGiveItsStanding(t *testing.T) {
	addr := at("10.0.0.1:1")
	for _, test := range []struct {
		name    string
		sources []string
		proven  bool
		asked   bool
		want    candidates.Standing
	}{
		{"announced", []string{"udp", "mdns"}, false, false, candidates.Hint},
		{"nobody names it", nil, false, false, candidates.Gone},
		{"proved", []string{"udp"}, true, false, candidates.Proven},
		{"proved, and nobody names it", nil, true, false, candidates.Proven},
		{"in the peers file", []string{"udp", sourceFile}, false, false, candidates.Named},
		{"a Connect names it", nil, false, true, candidates.Asked},
	} {
		p := knowing(start, &address{addr: addr, sources: test.sources})
		if test.proven {
			p.prove(addr)
		}
		r := newRound()
		if test.asked {
			r.standings[p.addrs[0]] = candidates.Asked
		}
		if got := p.candidate(r, p.addrs[0]).Standing; got != test.want {
			t.Errorf("%s: standing %d, want %d", test.name, got, test.want)
		}
	}
}

func TestAnnouncesNeverEvictAProvenAddressAndAlwaysFindRoom(t *testing.T) {
	p := &peer{}
	var proven []*address
	for i := range 3 * maxAddresses {
		a := p.learn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1), "udp", false)
		a.sources = []string{"udp"}
		if i%2 == 0 {
			p.prove(a.addr)
			proven = append(proven, a)
		}
		if len(p.addrs) > maxAddresses || !slices.Contains(p.addrs, a) {
			t.Fatalf("%d addresses are kept, the new one %v", len(p.addrs), slices.Contains(p.addrs, a))
		}
		for _, b := range proven[max(0, len(proven)-maxProven):] {
			if !slices.Contains(p.addrs, b) || p.candidate(nil, b).Standing != candidates.Proven {
				t.Fatalf("%v, proved lately, was forgotten", b.addr)
			}
		}
	}
}
