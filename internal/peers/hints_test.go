package peers

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// steady is randomness that leaves things in their order.
func steady() float64 { return 0.5 }

// host returns the n-th of many IP addresses.
func host(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, byte(n >> 8), byte(n)}) }

// announcedAt is an address that is only announced.
func announcedAt(n int, port uint16) *address {
	return &address{addr: netip.AddrPortFrom(host(n), port), sources: []string{"udp"}}
}

func TestDialsToHintsAreRationed(t *testing.T) {
	type dial struct {
		at   time.Duration
		host int
		wait time.Duration // until it may begin; 0: it does
	}
	const home = 0
	different := func(n int, at time.Duration) (list []dial) {
		for i := range n {
			list = append(list, dial{at, 1 + i, 0})
		}
		return list
	}
	for name, steps := range map[string][]dial{
		"some at once, then one after the other": append(different(hintBurst, 0), dial{0, 100, hintEvery}, dial{hintEvery - 1, 100, 1},
			dial{hintEvery, 100, 0}, dial{hintEvery, 101, hintEvery}, dial{2 * hintEvery, 101, 0}),
		"a pause brings back no more than that": append(append(different(hintBurst, 0), different(hintBurst, time.Hour)...), dial{time.Hour, 100, hintEvery}),
		"one IP address": {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {3, 1, 0}, {3, 1, hostPeriod - 3}, {3, 2, 0}, {hostPeriod - 1, 1, 1},
			{hostPeriod, 1, 0}, {hostPeriod, 1, 1}, {hostPeriod + 1, 1, 0}},
		"where the last session has led": append(append([]dial{{0, home, 0}, {0, home, 0}}, different(hintBurst, 0)...), dial{0, 100, hintEvery},
			dial{0, home, 0}, dial{0, home, 0}, dial{0, home, hostPeriod}),
		"both bounds": append([]dial{{0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}}, append(different(hintBurst, 0)[1:5], dial{0, 1, hostPeriod})...),
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger
			l.leads(host(home))
			for i, d := range steps {
				now := after(d.at)
				if got := l.wait(now, host(d.host)); got != d.wait {
					t.Errorf("step %d: wait %v, want %v", i, got, d.wait)
				}
				if got := l.spend(now, host(d.host)); got != (d.wait == 0) {
					t.Errorf("step %d: begins: %v", i, got)
				}
			}
			l.forget()
			if wait := l.wait(after(steps[len(steps)-1].at), host(1)); wait != 0 {
				t.Errorf("%v to wait after all is forgotten", wait)
			}
		})
	}
}

func TestALedgerKeepsNoMoreThanItNeeds(t *testing.T) {
	var l ledger
	for i := range 100_000 {
		now := after(time.Duration(i) * 10 * time.Millisecond)
		l.spend(now, host(i%1000))
		if most := hintBurst + int(hostPeriod/hintEvery); len(l.begun) > most {
			t.Fatalf("%d dials within %v, want at most %d", len(l.begun), hostPeriod, most)
		}
	}
}

func TestHintsWaitInAQueue(t *testing.T) {
	now := after(time.Hour)
	with := func(a *address, dialled, seen time.Duration) *address { // ago; 0: never
		if dialled > 0 {
			a.dialled = now.Add(-dialled)
		}
		a.seen = now.Add(-seen)
		return a
	}
	for _, test := range []struct {
		name   string
		hints  []*address
		random []float64
		want   []string
	}{
		{name: "none"},
		{"those that were never dialled in random order", []*address{announcedAt(1, 1), announcedAt(2, 1), announcedAt(3, 1)}, []float64{0.5, 0.9, 0.1},
			[]string{"10.9.0.3:1", "10.9.0.1:1", "10.9.0.2:1"}},
		{"then those dialled longest ago", []*address{with(announcedAt(1, 1), 2, 0), announcedAt(2, 1), with(announcedAt(3, 1), 3, 0)}, nil,
			[]string{"10.9.0.2:1", "10.9.0.3:1", "10.9.0.1:1"}},
		{"what was dialled long ago is as good as new", []*address{announcedAt(1, 1), with(announcedAt(2, 1), afresh, 0), with(announcedAt(3, 1), afresh-1, 0)},
			[]float64{0.5, 0.1, 0}, []string{"10.9.0.2:1", "10.9.0.1:1", "10.9.0.3:1"}},
		{"another port is not another IP address", []*address{announcedAt(1, 1), with(announcedAt(1, 2), 1, 0), announcedAt(2, 1)}, nil,
			[]string{"10.9.0.2:1", "10.9.0.1:1", "10.9.0.1:2"}},
		{"one of each IP address before the second of any", []*address{with(announcedAt(1, 1), 0, 3), with(announcedAt(1, 2), 0, 1), with(announcedAt(1, 3), 0, 2), announcedAt(2, 1)},
			[]float64{0.1, 0.9}, []string{"10.9.0.1:2", "10.9.0.2:1", "10.9.0.1:3", "10.9.0.1:1"}},
		{"where the last session has led first, what was heard last before the rest", []*address{announcedAt(1, 1), with(announcedAt(0, 1), 0, 2), with(announcedAt(0, 2), 0, 1), with(announcedAt(0, 3), 1, 0)},
			[]float64{0, 1}, []string{"10.9.0.0:2", "10.9.0.0:1", "10.9.0.0:3", "10.9.0.1:1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			random := steady
			if test.random != nil {
				random = func() float64 {
					r := test.random[0]
					test.random = test.random[1:]
					return r
				}
			}
			var got []string
			for _, a := range queue(test.hints, now, host(0), random) {
				got = append(got, a.addr.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// TestNForgedAddressesAreNDialsAtMost has both ends of a pair look for each other among forged addresses that refuse, in
// many seeded histories, and looks at how long that takes: until either has dialled the other.
func TestNForgedAddressesAreNDialsAtMost(t *testing.T) {
	const seeds = 150
	for _, test := range []struct {
		forged         int
		mean, p99, max time.Duration
	}{
		{8, time.Second, time.Second, time.Second},
		{16, time.Second, 5 * time.Second, 10 * time.Second},
		{100, 15 * time.Second, 45 * time.Second, 50 * time.Second},
	} {
		t.Run(fmt.Sprint(test.forged), func(t *testing.T) {
			var all []time.Duration
			var sum time.Duration
			for seed := range uint64(seeds) {
				random := rand.New(rand.NewPCG(seed, 0))
				took := min(search(test.forged, random), search(test.forged, random))
				all, sum = append(all, took), sum+took
			}
			slices.Sort(all)
			mean, p99, most := sum/seeds, all[seeds*99/100], all[seeds-1]
			t.Logf("mean %v, p99 %v, max %v", mean.Round(time.Millisecond), p99, most)
			if mean > test.mean || p99 > test.p99 || most > test.max {
				t.Errorf("want at most mean %v, p99 %v, max %v", test.mean, test.p99, test.max)
			}
		})
	}
}

// search returns how long it takes until the true one of the addresses is dialled.
func search(forged int, random *rand.Rand) time.Duration {
	var l ledger
	truth := announcedAt(0, 7100)
	addrs := []*address{truth}
	for i := range forged {
		addrs = append(addrs, announcedAt(1+i, 9001))
	}
	for now := start; ; now = now.Add(hintEvery / 5) {
		for l.wait(now, host(9999)) == 0 {
			ready, _ := order(addrs, now, false, netip.Addr{}, random.Float64)
			i := slices.IndexFunc(ready, func(a *address) bool { return l.spend(now, a.addr.Addr()) })
			if i < 0 {
				break // all are backing off
			}
			a := ready[i]
			if a == truth {
				return now.Sub(start)
			}
			a.dialled, a.failures = now, a.failures+1
			a.next = now.Add(backoff(a.failures, random.Float64()))
		}
	}
}

// TestWhatHasFailedHasItsTurnAgain although there is always something new.
func TestWhatHasFailedHasItsTurnAgain(t *testing.T) {
	var l ledger
	random := rand.New(rand.NewPCG(1, 0))
	truth := announcedAt(0, 7100)
	truth.dialled = start
	addrs := []*address{truth}
	for i := range 100 {
		addrs = append(addrs, announcedAt(1+i, 9001))
	}
	for step := range 10 * 60 * 2 { // 10 min
		now := after(time.Duration(step) * hintEvery)
		ready, _ := order(addrs, now, false, netip.Addr{}, random.Float64)
		if !l.spend(now, ready[0].addr.Addr()) {
			t.Fatal("the ledger does not allow what it should")
		}
		if ready[0] == truth {
			t.Logf("after %v", now.Sub(start))
			return
		}
		i := slices.Index(addrs, ready[0])
		addrs[i] = announcedAt(1000+step, 9001) // never heard of before
	}
	t.Error("it was not dialled again within 10 min")
}

// TestARaceBeginsNoMoreDialsToHintsThanAllowed, and what is no hint is not held up.
func TestARaceBeginsNoMoreDialsToHintsThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &field{answers: make(map[netip.AddrPort]answer), began: time.Now()}
		var left []runner
		for i := range 3 * hintBurst {
			a := netip.AddrPortFrom(host(i), 1)
			f.answers[a] = answer{after: time.Second, err: errNobody}
			left = append(left, runner{a, true})
		}
		sure := runner{addr: netip.AddrPortFrom(host(999), 1)}
		f.answers[sure.addr] = answer{after: time.Hour}
		left = append(left, sure)
		const stagger = 10 * time.Millisecond
		config := &Config{Dial: f.dial, Clock: clock.System, Stagger: stagger, DialTimeout: 2*time.Second + 9*stagger}
		got := config.race(t.Context(), left, nil, new(ledger))
		synctest.Wait()
		if i := slices.Index(f.dialled, sure.addr); i != hintBurst || f.started[i] != hintBurst*stagger {
			t.Errorf("what is no hint began as dial %d, after %v", i, f.started[max(0, i)])
		}
		// The last one before all have ended begins at the latest when the one that takes longest has its time.
		hints := slices.DeleteFunc(slices.Clone(f.started), func(d time.Duration) bool { return d == hintBurst*stagger })
		for i, at := range hints {
			if least := time.Duration(i-hintBurst+1) * hintEvery; at < least {
				t.Errorf("dial %d began after %v, want %v at least", i, at, least)
			}
		}
		if len(hints) <= hintBurst || !slices.Equal(got.begun, f.dialled) || len(got.failed) != len(f.dialled) {
			t.Errorf("%d dials to hints, %v begun, %d failed", len(hints), got.begun, len(got.failed))
		}
	})
}

// TestADialThatWasCalledOffIsCountedWhenItBeginsAgain has three addresses of which one takes the connection and says nothing,
// and then another: what is under way to the others is called off, and begun again.
func TestADialThatWasCalledOffIsCountedWhenItBeginsAgain(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		for _, addr := range places {
			r.tell(sighted(addr))
		}
		r.won(y, "a")
		time.Sleep(hintPatience + r.config.Stagger)
		r.won(x, "b")
		time.Sleep(hintPatience)
		synctest.Wait()
		r.mu.Lock()
		dials := slices.DeleteFunc(slices.Clone(r.dialled), func(s string) bool { return !strings.HasPrefix(s, "dial ") })
		r.mu.Unlock()
		if want := []string{"dial x", "dial y", "dial z", "dial x", "dial z", "dial z"}; !slices.Equal(dials, want) {
			t.Errorf("%v, want %v", dials, want)
		}
		r.look(func(p *peer) {
			if len(p.hints.begun) != len(dials) {
				t.Errorf("of %v, %d are counted", dials, len(p.hints.begun))
			}
		})
	})
}
