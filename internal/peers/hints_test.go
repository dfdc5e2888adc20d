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

	"github.com/seed-f6ddb928/peernet-go/internal/candidates"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
)

// steady is randomness that leaves things in their order.
func steady() float64 { return 0.5 }

// ip returns the n-th of many IP addresses.
func ip(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, byte(n >> 8), byte(n)}) }

// announcedAt is an address that is only announced.
func announcedAt(n int, port uint16) *address {
	return &address{addr: netip.AddrPortFrom(ip(n), port), sources: []string{"udp"}}
}

// hintAt is a hint as a candidate.
func hintAt(addr netip.AddrPort) candidates.Candidate {
	return candidates.Candidate{Addr: addr, Standing: candidates.Hint}
}

// take counts a dial that begins now, if it may.
func (l *hintLimiter) take(now time.Time, c candidates.Candidate) bool {
	may := l.wait(now, c) == 0
	if may {
		l.count(now, c)
	}
	return may
}

func TestDialsToHintsAreRationed(t *testing.T) {
	type dial struct {
		at   time.Duration
		ip   int
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
		"some at once, then one after the other": append(different(hintRate.Burst, 0), dial{0, 100, hintRate.Every}, dial{hintRate.Every - 1, 100, 1},
			dial{hintRate.Every, 100, 0}, dial{hintRate.Every, 101, hintRate.Every}, dial{2 * hintRate.Every, 101, 0}),
		"a pause brings back no more than that": append(append(different(hintRate.Burst, 0), different(hintRate.Burst, time.Hour)...), dial{time.Hour, 100, hintRate.Every}),
		"one IP address": {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {3, 1, 0}, {3, 1, ipPeriod - 3}, {3, 2, 0}, {ipPeriod - 1, 1, 1},
			{ipPeriod, 1, 0}, {ipPeriod, 1, 1}, {ipPeriod + 1, 1, 0}},
		"where the last session has led": append(append([]dial{{0, home, 0}, {0, home, 0}}, different(hintRate.Burst, 0)...), dial{0, 100, hintRate.Every},
			dial{0, home, 0}, dial{0, home, 0}, dial{0, home, ipPeriod}),
		"both bounds": append([]dial{{0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}}, append(different(hintRate.Burst, 0)[1:5], dial{0, 1, ipPeriod})...),
	} {
		t.Run(name, func(t *testing.T) {
			l, known := newHintLimiter(), candidates.Privileges{Home: ip(home)}
			hint := func(n int) candidates.Candidate {
				return candidates.Candidate{Addr: netip.AddrPortFrom(ip(n), 1), Standing: known.OfHint(ip(n)), WasLast: known.WasLast(ip(n))}
			}
			for i, d := range steps {
				now := after(d.at)
				if got := l.wait(now, hint(d.ip)); got != d.wait {
					t.Errorf("step %d: wait %v, want %v", i, got, d.wait)
				}
				if got := l.take(now, hint(d.ip)); got != (d.wait == 0) {
					t.Errorf("step %d: begins: %v", i, got)
				}
			}
			l = newHintLimiter() // as after a Connect
			if wait := l.wait(after(steps[len(steps)-1].at), hint(1)); wait != 0 {
				t.Errorf("%v to wait although no dial has begun", wait)
			}
		})
	}
}

// TestEachIPAddressHasItsOwnBoundInAFlood: there is room for as many as can be dialled, so that none shares a bound.
func TestEachIPAddressHasItsOwnBoundInAFlood(t *testing.T) {
	l := newHintLimiter()
	for i := range 100_000 {
		now, c := after(time.Duration(i)*10*time.Millisecond), hintAt(netip.AddrPortFrom(ip(i%1000), 1))
		if may := l.all.Wait(now, hintRate) == 0; l.take(now, c) != may {
			t.Fatalf("dial %d begins: %v, although the bound of all says %v", i, !may, may)
		}
	}
}

func TestWhatIsNoHintIsNotRationed(t *testing.T) {
	l := newHintLimiter()
	for _, standing := range []candidates.Standing{candidates.Named, candidates.Proven, candidates.Asked} {
		for range 100 {
			if c := (candidates.Candidate{Addr: at("10.0.0.1:1"), Standing: standing}); l.wait(start, c) != 0 || !l.take(start, c) {
				t.Fatalf("standing %d has to wait", standing)
			}
		}
	}
	if !l.take(start, hintAt(at("10.0.0.1:1"))) {
		t.Error("dials to what is no hint are counted")
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
	truth := announcedAt(0, 7100)
	addrs := []*address{truth}
	for i := range forged {
		addrs = append(addrs, announcedAt(1+i, 9001))
	}
	p := knowing(start, addrs...)
	p.Jitter = random.Float64
	for now := start; ; now = now.Add(hintRate.Every / 5) {
		p.Clock = &stoppedClock{now: now}
		for p.hints.all.Wait(now, hintRate) == 0 {
			r := new(round)
			due, _ := p.dueAddresses(false)
			for _, a := range due {
				r.left = append(r.left, a.addr)
			}
			addr, _ := p.takeAllowed(p.arrange(r))
			if !addr.IsValid() {
				break // all are backing off
			}
			a := p.at(addr)
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
	random := rand.New(rand.NewPCG(1, 0))
	truth := announcedAt(0, 7100)
	truth.dialled = start
	p := knowing(start, truth)
	p.Jitter = random.Float64
	for i := range 100 {
		p.addrs = append(p.addrs, announcedAt(1+i, 9001))
	}
	for step := range 10 * 60 * 2 { // 10 min
		now := after(time.Duration(step) * hintRate.Every)
		p.Clock = &stoppedClock{now: now}
		r := new(round)
		for _, a := range p.addrs {
			r.left = append(r.left, a.addr)
		}
		addr, _ := p.takeAllowed(p.arrange(r))
		if !addr.IsValid() {
			t.Fatal("a dial must not begin that should")
		}
		if addr == truth.addr {
			t.Logf("after %v", now.Sub(start))
			return
		}
		i := slices.IndexFunc(p.addrs, func(a *address) bool { return a.addr == addr })
		p.addrs[i] = announcedAt(1000+step, 9001) // never heard of before
	}
	t.Error("it was not dialled again within 10 min")
}

// TestARaceBeginsNoMoreDialsToHintsThanAllowed has a race for many hints. An address of the peers file is not held up by them.
func TestARaceBeginsNoMoreDialsToHintsThanAllowed(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		const stagger = 10 * time.Millisecond
		answers := make(map[netip.AddrPort]answer)
		sure := netip.AddrPortFrom(ip(999), 1)
		answers[sure] = answer{after: time.Hour}
		for i := range 3 * hintRate.Burst {
			answers[netip.AddrPortFrom(ip(i), 1)] = answer{after: time.Second, err: errNobody}
		}
		f := r.newField(answers, stagger, 10*time.Second)
		r.look(func(p *peer) {
			for i := range 3 * hintRate.Burst {
				p.learn(netip.AddrPortFrom(ip(i), 1), "udp", false).sources = []string{"udp"}
			}
			p.askToDial()
		})
		burst := time.Duration(hintRate.Burst)
		time.Sleep(burst*stagger + stagger/2)
		r.tell(finder.Change{Presence: finder.Presence{Addr: sure, Source: sourceFile}})
		time.Sleep(4 * time.Second)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if i := slices.Index(f.dialled, sure); i != hintRate.Burst || f.started[i] != burst*stagger+stagger/2 {
			t.Errorf("what is no hint began as dial %d, after %v", i, f.started[max(0, i)])
		}
		hints := slices.Delete(slices.Clone(f.started), hintRate.Burst, hintRate.Burst+1)
		for i, at := range hints {
			if least := time.Duration(i-hintRate.Burst+1) * hintRate.Every; at < least {
				t.Errorf("dial %d began after %v, want %v at least", i, at, least)
			}
			if i < hintRate.Burst && at != time.Duration(i)*stagger {
				t.Errorf("dial %d began after %v, want %v", i, at, time.Duration(i)*stagger)
			}
		}
		if len(hints) <= hintRate.Burst {
			t.Errorf("%d dials to hints, want more", len(hints))
		}
	})
}

// TestADialThatWasCalledOffIsCountedWhenItBeginsAgain has three addresses of which one takes the connection and says nothing,
// and then another: what is under way to the others is called off, and begun again.
func TestADialThatWasCalledOffIsCountedWhenItBeginsAgain(t *testing.T) {
	onRig(t, alone[0], func(r *rig) {
		for _, addr := range addresses {
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
			for addr, want := range map[netip.AddrPort]int{x: 2, y: 1, z: 3} {
				left := 0
				for at := hintAt(addr); p.hints.ips.Of(p.Clock.Now(), at.Addr.Addr()).Take(p.Clock.Now(), maxAtIP, ipPeriod); {
					left++
				}
				if counted := maxAtIP - left; counted != want {
					t.Errorf("of %v, %d to %v are counted, want %d", dials, counted, named(addr), want)
				}
			}
		})
	})
}
