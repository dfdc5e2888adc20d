package netwatch

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

var errProbe = errors.New("no interfaces to be had")

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A look is one step of a script: its time after the beginning, what it finds, and the change that it must return.
type look struct {
	at          time.Duration
	found       []discovery.Interface
	err         error
	gone, fresh []netip.Addr
	reported    error
	next        time.Duration
}

func TestAChangeCountsOnceItIsStable(t *testing.T) {
	type list = []discovery.Interface
	const ms, s = time.Millisecond, time.Second
	a := list{lo(), card(2, "eth0", up, "10.0.0.1/24")}
	b := list{lo(), card(2, "eth0", up, "10.0.0.2/24")}
	c := list{lo(), card(2, "eth0", up, "10.0.0.3/24")}
	none := list{lo()}
	unplugged := list{lo(), card(2, "eth0", unplug, "10.0.0.1/24")}
	for name, script := range map[string][]look{
		"nothing moves": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: a, next: 2 * s}, {at: 4 * s, found: a, next: 2 * s}},
		"the first look is no change": {{at: 0, found: b, next: 2 * s}},
		"nor is the first that succeeds": {
			{at: 0, err: errProbe, reported: errProbe, next: 2 * s}, {at: 2 * s, found: b, next: 2 * s}},
		"a machine that begins without an address": {
			{at: 0, found: nil, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms}, {at: 2500 * ms, found: b, fresh: addrs("10.0.0.2"), next: 2 * s}},
		"the same for 500 ms": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms},
			{at: 2500 * ms, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s},
			{at: 4500 * ms, found: b, next: 2 * s}},
		"looked at too early": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms}, {at: 2499 * ms, found: b, next: 500 * ms},
			{at: 2500 * ms, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s}},
		"looked at late": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms},
			{at: 6 * s, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s}},
		"undone": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: none, next: 500 * ms}, {at: 2500 * ms, found: a, next: 2 * s},
			{at: 4500 * ms, found: none, next: 500 * ms}, {at: 5 * s, found: none, gone: addrs("10.0.0.1"), next: 2 * s}},
		"in two steps": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: none, next: 500 * ms}, {at: 2400 * ms, found: b, next: 500 * ms},
			{at: 2500 * ms, found: b, next: 500 * ms}, {at: 2900 * ms, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s}},
		"never the same, until MaxUnstable is over": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms}, {at: 3 * s, found: c, next: 500 * ms},
			{at: 4 * s, found: none, next: 500 * ms}, {at: 5 * s, found: b, next: 500 * ms}, {at: 6 * s, found: c, next: 500 * ms},
			{at: 7 * s, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s}, {at: 8 * s, found: b, next: 2 * s}},
		"MaxUnstable begins anew when a change is undone": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms}, {at: 4 * s, found: a, next: 2 * s},
			{at: 6 * s, found: b, next: 500 * ms}, {at: 6100 * ms, found: c, next: 500 * ms},
			{at: 7 * s, found: c, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.3"), next: 2 * s}},
		"an error says nothing": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, err: errProbe, reported: errProbe, next: 2 * s}, {at: 4 * s, err: errProbe, next: 2 * s},
			{at: 6 * s, found: a, next: 2 * s}, {at: 8 * s, err: errProbe, reported: errProbe, next: 2 * s}},
		"an error in between": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms}, {at: 2500 * ms, err: errProbe, reported: errProbe, next: 500 * ms},
			{at: 3 * s, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s}},
		"a cable that is pulled out and put in": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: unplugged, next: 500 * ms}, {at: 2500 * ms, found: unplugged, next: 2 * s},
			{at: 4500 * ms, found: a, next: 500 * ms}, {at: 5 * s, found: a, fresh: addrs("10.0.0.1"), next: 2 * s}},
		"a clock that goes back": {
			{at: 0, found: a, next: 2 * s}, {at: 2 * s, found: b, next: 500 * ms}, {at: -time.Hour, found: b, next: 500 * ms},
			{at: 500*ms - time.Hour, found: b, gone: addrs("10.0.0.1"), fresh: addrs("10.0.0.2"), next: 2 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			var w Watcher
			for i, l := range script {
				c := w.Look(began.Add(l.at), l.found, l.err)
				if !slices.Equal(c.Gone, l.gone) || !slices.Equal(c.New, l.fresh) || c.Err != l.reported || c.Next != l.next || c.Slept != 0 {
					t.Fatalf("look %d at %v: %+v, want %+v", i, l.at, c, l)
				}
				if c.Matters() != (l.gone != nil || l.fresh != nil) {
					t.Fatalf("look %d at %v: %+v matters: %v", i, l.at, c, c.Matters())
				}
			}
		})
	}
}

func TestLooksAreMoreFrequentWhileSomethingChanges(t *testing.T) {
	var w Watcher
	w.Look(began, nil, nil)
	if c := w.Look(began, []discovery.Interface{card(2, "eth0", up, "10.0.0.1/24")}, nil); c.Next != StableFor {
		t.Errorf("next %v, want %v", c.Next, StableFor)
	}
	if c := w.Look(began, nil, nil); c.Next != Interval {
		t.Errorf("next %v once the change is undone, want %v", c.Next, Interval)
	}
}

func TestTheWatcherKeepsNoneOfTheCallersSlices(t *testing.T) {
	var w Watcher
	one := card(2, "eth0", up, "10.0.0.1/24")
	list := []discovery.Interface{one}
	w.Look(began, list, nil)
	one.Addrs[0] = netip.MustParsePrefix("10.0.0.2/24")
	list[0] = card(2, "eth0", up, "10.0.0.1/24")
	if c := w.Look(began.Add(time.Second), list, nil); c.Matters() || c.Next != Interval {
		t.Errorf("%+v", c)
	}
}

// TestChangesAddUp follows random histories. An observer that applies every change knows the machine's addresses once
// nothing changes any more, and never loses an address that it did not have.
func TestChangesAddUp(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var w Watcher
		known := make(map[netip.Addr]bool)
		at, due := time.Duration(0), time.Duration(0)
		list := randomInterfaces(r)
		for p := range addressesOf(list) {
			known[p.addr] = true
		}
		step := func() {
			c := w.Look(began.Add(at), list, nil)
			for _, a := range c.Gone {
				if !known[a] {
					t.Fatalf("seed %d: %v is gone but was never there", seed, a)
				}
				delete(known, a)
			}
			for _, a := range c.New {
				known[a] = true
			}
			due = at + c.Next
		}
		step()
		for range 100 {
			if at = due - time.Duration(r.IntN(int(StableFor))); r.IntN(3) == 0 {
				list = randomInterfaces(r)
			}
			step()
		}
		for range 2 { // the first look may be the first to show the last change
			at = due
			step()
		}
		want := make(map[netip.Addr]bool)
		for p := range addressesOf(list) {
			want[p.addr] = true
		}
		for a := range known {
			if !want[a] {
				t.Errorf("seed %d: %v is still there", seed, a)
			}
		}
		for a := range want {
			if !known[a] {
				t.Errorf("seed %d: %v never came", seed, a)
			}
		}
	}
}

// randomInterfaces returns one of a few hundred machines.
func randomInterfaces(r *rand.Rand) (list []discovery.Interface) {
	pool := []string{"10.0.0.1/24", "10.0.0.2/24", "10.0.0.1/16", "fe80::1/64", "2001:db8::1/64", "127.0.0.1/8"}
	for i, name := range []string{"eth0", "eth1", "wlan0"} {
		var some []string
		for _, p := range pool {
			if r.IntN(3) == 0 {
				some = append(some, p)
			}
		}
		flags := up
		if r.IntN(4) == 0 {
			flags = down
		}
		list = append(list, card(2+i, name, flags, some...))
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:r.IntN(len(list)+1)]
}
