package dialects

import (
	"fmt"
	"math/rand/v2"
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
		{"unknown, closed as a BEAM node does", "", func(b *Book, _ *still) { b.Begin(bob, home, native).Fail(true) }, 0, 0, 0},
		{"unknown, closed in both", "", func(b *Book, _ *still) {
			b.Begin(bob, home, native).Fail(true)
			fail(b, beam)
		}, closedPeriod, 0, closedPeriod},
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
