package dialects

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// TestClosedConnectionsPutTheNextDialOff is the table of when a peer may be dialled again (wire.md §13.7).
func TestClosedConnectionsPutTheNextDialOff(t *testing.T) {
	fail := func(b *Book, d handshake.Dialect) { b.Begin(bob, home, d).Fail(d == beam) }
	for _, c := range []struct {
		name  string
		fixed string
		do    func(b *Book, c *still)

		atHome, atAway, fallsBack time.Duration
	}{
		{"nothing", "", func(*Book, *still) {}, 0, 0, 0},
		{"unknown, a native dial failed", "", func(b *Book, _ *still) { fail(b, native) }, 0, 0, 0},
		{"unknown, closed as a BEAM node does", "", func(b *Book, _ *still) { b.Begin(bob, home, native).Fail(true) }, closedPeriod, closedPeriod, 0},
		{"unknown, closed in both", "", func(b *Book, _ *still) {
			b.Begin(bob, home, native).Fail(true)
			fail(b, beam)
		}, closedPeriod, closedPeriod, closedPeriod},
		{"unknown, closed almost ten seconds ago", "", func(b *Book, c *still) {
			b.Begin(bob, home, native).Fail(true)
			c.pass(closedPeriod - 1)
		}, 1, 1, 0},
		{"unknown, closed ten seconds ago", "", func(b *Book, c *still) {
			b.Begin(bob, home, native).Fail(true)
			c.pass(closedPeriod)
		}, 0, 0, 0},
		{"unknown, under way in BEAM", "", func(b *Book, _ *still) { b.Begin(bob, home, beam) }, lookAgain, lookAgain, lookAgain},
		{"unknown, under way", "", func(b *Book, _ *still) { b.Begin(bob, home, native) }, lookAgain, 0, lookAgain},
		{"native", "native", func(b *Book, _ *still) {
			for range 9 {
				b.Begin(bob, home, native).Fail(true)
				b.Closed(bob)
			}
		}, 0, 0, 0},
		{"BEAM, one failed", "beam", func(b *Book, _ *still) { fail(b, beam) }, pauseBetween, pauseBetween, 0},
		{"BEAM, one was not reached", "beam", func(b *Book, _ *still) { b.Begin(bob, home, beam).Fail(false) }, pauseBetween, pauseBetween, 0},
		{"BEAM, one came up", "beam", func(b *Book, _ *still) { b.Begin(bob, home, beam).Up() }, 0, 0, 0},
		{"BEAM, one came up and ended", "beam", func(b *Book, _ *still) {
			b.Begin(bob, home, beam).Up()
			b.Closed(bob)
		}, pauseBetween, pauseBetween, 0},
		{"BEAM, under way", "beam", func(b *Book, _ *still) { b.Begin(bob, home, beam) }, lookAgain, lookAgain, lookAgain},
		{"BEAM, ended twice", "beam", func(b *Book, _ *still) {
			a := b.Begin(bob, home, beam)
			a.Fail(true)
			a.Fail(true)
		}, pauseBetween, pauseBetween, 0},
		{"BEAM, two failed", "beam", func(b *Book, c *still) {
			fail(b, beam)
			c.pass(time.Second)
			fail(b, beam)
		}, closedPeriod - time.Second, closedPeriod - time.Second, closedPeriod - time.Second},
		{"BEAM, an old one and a new one", "beam", func(b *Book, c *still) {
			fail(b, beam)
			c.pass(closedPeriod)
			fail(b, beam)
		}, pauseBetween, pauseBetween, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, clock := setting{speaks: both, fixed: c.fixed}.open(t)
			c.do(b, clock)
			if got := b.Wait(bob, home, false); got != c.atHome {
				t.Errorf("at the same address: %v, want %v", got, c.atHome)
			}
			if got := b.Wait(bob, away, false); got != c.atAway {
				t.Errorf("at another address: %v, want %v", got, c.atAway)
			}
			if got := b.Wait(bob, home, true); got != c.fallsBack {
				t.Errorf("after a native dial: %v, want %v", got, c.fallsBack)
			}
		})
	}
}

// TestNeverMoreThanTwoCloseInTenSeconds dials whenever it may, with connections that last any time and end in any way, in a
// process that ends at any time. No ten seconds see more than two of them end that this node made.
func TestNeverMoreThanTwoCloseInTenSeconds(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := setting{speaks: both, path: t.TempDir() + "/state"}
			b, clock := s.open(t)
			b.Spoke(bob, beam)
			var ends []time.Time
			ended := func() {
				if ends = append(ends, clock.now); len(ends) > maxClosed && clock.now.Sub(ends[len(ends)-1-maxClosed]) < closedPeriod {
					t.Fatalf("connections ended at %v", ends[len(ends)-1-maxClosed:])
				}
			}
			for range 300 {
				clock.pass(time.Duration(random.IntN(4000)) * time.Millisecond)
				at := home
				if random.IntN(2) == 0 {
					at = away
				}
				if b.Wait(bob, at, false) > 0 {
					continue
				}
				a := b.Begin(bob, at, beam)
				switch random.IntN(4) {
				case 0:
					b.Flush()
					b = s.openAt(t, clock) // the process ended, and the connection with it
				case 1:
					a.Up()
					clock.pass(time.Duration(random.IntN(9000)) * time.Millisecond)
					b.Closed(bob)
				default:
					clock.pass(time.Duration(random.IntN(9000)) * time.Millisecond)
					a.Fail(random.IntN(2) == 0)
				}
				ended()
			}
			if len(ends) < 50 {
				t.Errorf("dialled %d times", len(ends))
			}
		})
	}
}

// TestAPeerThatMayBeABEAMNodeSeesTwoCloseInTenSeconds: the dialect of the peer stays unknown, since it closes each
// connection before it has proved its key. The node dials its six addresses in turn, whenever it may.
func TestAPeerThatMayBeABEAMNodeSeesTwoCloseInTenSeconds(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 2))
		b, clock := setting{speaks: both}.open(t)
		addrs := make([]netip.AddrPort, 6)
		for i := range addrs {
			addrs[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 1)
		}
		var ends []time.Time
		dials := make(map[netip.AddrPort]int)
		closes := func(at netip.AddrPort, d handshake.Dialect) {
			a := b.Begin(bob, at, d)
			clock.pass(time.Duration(random.IntN(300)) * time.Millisecond)
			a.Fail(true)
			dials[at]++
			if ends = append(ends, clock.now); len(ends) > maxClosed && clock.now.Sub(ends[len(ends)-1-maxClosed]) < closedPeriod {
				t.Fatalf("connections ended at %v", ends[len(ends)-1-maxClosed:])
			}
		}
		fallsBack := netip.AddrPort{}
		for i := range 6000 {
			clock.pass(100 * time.Millisecond)
			at := addrs[i%len(addrs)]
			switch {
			case fallsBack.IsValid() && b.Wait(bob, fallsBack, true) == 0:
				closes(fallsBack, beam)
				fallsBack = netip.AddrPort{}
			case b.Wait(bob, at, false) == 0:
				if fallsBack.IsValid() {
					t.Fatal("a native dial began while one in BEAM was to come")
				}
				closes(at, native)
				fallsBack = at
			}
		}
		if len(ends) < 90 || len(dials) < len(addrs) {
			t.Errorf("%d dials in ten minutes, at %d addresses", len(ends), len(dials))
		}
	}
}

// TestConnectionsThatThisNodeClosesAreHeld: two ends in ten seconds are free, those that were planned before count, and a planned
// end does not count twice.
func TestConnectionsThatThisNodeClosesAreHeld(t *testing.T) {
	b, clock := setting{speaks: both}.open(t)
	b.Spoke(bob, beam)
	if a, c := b.HoldClose(bob), b.HoldClose(bob); a != 0 || c != 0 {
		t.Errorf("the first two are held for %v and %v", a, c)
	}
	clock.pass(time.Second)
	b.Closed(bob)
	b.Closed(bob)
	if got := b.HoldClose(bob); got != closedPeriod {
		t.Errorf("the third is held for %v", got)
	}
	clock.pass(closedPeriod)
	b.Closed(bob)
	if got := b.Wait(bob, home, false); got != pauseBetween {
		t.Errorf("then the next dial waits %v", got)
	}
	if got := (*Book)(nil).HoldClose(bob); got != 0 {
		t.Errorf("a node that speaks natively alone holds for %v", got)
	}
}
