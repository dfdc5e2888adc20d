package finder

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// flap makes key 1 at address 1 one that has come back twice, and is present now.
func (f *fixture) flap() {
	f.t.Helper()
	for range calmReturns {
		f.saw("mdns", seen(1, 1, time.Minute), "found 1@1 mdns")
		f.saw("mdns", gone(1, 1), "lost 1@1 mdns goodbye, 0 left")
	}
	f.saw("mdns", seen(1, 1, time.Minute), "found 1@1 mdns")
}

func TestTheThirdEndWithinShortIsHeldBack(t *testing.T) {
	f := newFixture(t)
	f.flap()
	f.saw("mdns", gone(1, 1), "")
	if got := f.presences(); len(got) != 1 || got[0].Until != f.now.Add(doubtFor) {
		t.Errorf("%+v, want it present until then", got)
	}
	f.saw("mdns", gone(1, 1), "") // said again
	f.expired(doubtFor-1, "", 1)
	f.expired(1, "lost 1@1 mdns goodbye, 0 left", rememberFor)
	f.saw("mdns", seen(1, 1, time.Minute), "found 1@1 mdns") // it is told at once that something is there
	f.saw("mdns", gone(1, 1), "")                            // it still flaps
}

func TestWhatComesBackWhileItIsHeldTellsNothing(t *testing.T) {
	f := newFixture(t)
	f.flap()
	for range 100 {
		f.saw("mdns", gone(1, 1), "")
		f.expired(doubtFor-1, "", 1)
		f.saw("mdns", seen(1, 1, time.Minute), "")
	}
	f.saw("mdns", gone(1, 1), "")
	f.expired(doubtFor, "lost 1@1 mdns goodbye, 0 left", rememberFor)
}

func TestAnnouncesThatAreTooRareAreLostTwiceAndThenNoMore(t *testing.T) {
	f := newFixture(t)
	told := ""
	for at := range 600 { // seconds; announced every 20, each good for 15
		f.now = f.now.Add(time.Second)
		for _, c := range f.expire(f.now) {
			told += fmt.Sprintf("%d %s; ", at, describe([]Change{c}))
		}
		if at%20 == 0 {
			changes, _ := f.sees("udp", seen(1, 1, 15*time.Second))
			if len(changes) > 0 {
				told += fmt.Sprintf("%d %s; ", at, describe(changes))
			}
		}
	}
	if want := "0 found 1@1 udp; 15 lost 1@1 udp expired, 0 left; 20 found 1@1 udp; 35 lost 1@1 udp expired, 0 left; 40 found 1@1 udp; "; told != want {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestFlappingIsForgivenAndForgotten(t *testing.T) {
	t.Run("present for long", func(t *testing.T) {
		f := newFixture(t)
		f.flap()
		f.now = f.now.Add(calmAfter - 1)
		f.saw("mdns", seen(1, 1, time.Hour), "")
		f.saw("mdns", gone(1, 1), "")
		f.saw("mdns", seen(1, 1, time.Hour), "") // that begins anew
		f.now = f.now.Add(calmAfter)
		f.saw("mdns", gone(1, 1), "lost 1@1 mdns goodbye, 0 left")
	})
	t.Run("away for long", func(t *testing.T) {
		f := newFixture(t)
		f.flap()
		f.saw("mdns", gone(1, 1), "")
		f.expired(doubtFor, "lost 1@1 mdns goodbye, 0 left", rememberFor)
		f.expired(rememberFor, "", 0)
		f.flap()
	})
	t.Run("another address", func(t *testing.T) {
		f := newFixture(t)
		f.flap()
		f.saw("mdns", seen(1, 2, time.Minute), "updated 1@2 mdns")
		f.saw("udp", seen(1, 1, time.Minute), "updated 1@1 udp")
		f.saw("mdns", gone(1, 2), "lost 1@2 mdns goodbye, 2 left")
		f.saw("udp", gone(1, 1), "lost 1@1 udp goodbye, 1 left")
		f.saw("mdns", gone(1, 1), "")
	})
}

func TestWhatAProgramSaysIsTakenAtItsWord(t *testing.T) {
	f := newFixture(t)
	for range 100 {
		f.saw("manual", seen(1, 1, 0), "found 1@1 manual")
		f.saw("manual", gone(1, 1), "lost 1@1 manual goodbye, 0 left")
	}
}

func TestSessionsEndTheDoubtOfAFlappingPresence(t *testing.T) {
	f := newFixture(t, 1)
	f.flap()
	f.expired(time.Minute-1, "", 1)
	f.saw("mdns", seen(1, 1, 15*time.Second), "")
	f.saw("mdns", gone(1, 1), "")
	f.saw("mdns", seen(1, 1, 15*time.Second), "")
	f.expired(15*time.Second, "", doubtFor) // doubted: it has expired
	f.up(1, netip.AddrPort{})
	f.expired(time.Hour, "", 0) // it is present, as long as that lasts
	f.down(1)
	f.expired(15*time.Second, "lost 1@1 mdns expired, 0 left", rememberFor)

	f = newFixture(t, 1)
	f.flap()
	f.saw("mdns", gone(1, 1), "") // doubted: it was taken back
	f.up(1, netip.AddrPort{})
	f.expired(doubtFor, "lost 1@1 mdns goodbye, 0 left", rememberFor)
}

func TestRenewHoldsBackForAsLongAgain(t *testing.T) {
	f := newFixture(t)
	f.flap()
	f.saw("mdns", gone(1, 1), "")
	f.now = f.now.Add(time.Hour)
	f.renew(f.now)
	f.expired(0, "", doubtFor)
	f.expired(doubtFor, "lost 1@1 mdns goodbye, 0 left", rememberFor)
}

func TestAnotherInterfaceIsAnUpdate(t *testing.T) {
	f := newFixture(t)
	on := func(name string, ttl time.Duration, want string) {
		t.Helper()
		s := seen(1, 1, ttl)
		s.Interface = name
		f.saw("udp", s, want)
	}
	is := func(want string) {
		t.Helper()
		if p := f.presences(); len(p) != 1 || p[0].Interface != want {
			t.Errorf("%+v, want it on %s", p, want)
		}
	}
	const ttl = 15 * time.Second
	on("eth0", ttl, "found 1@1 udp")
	on("eth0", ttl, "")
	on("eth1", ttl, "updated 1@1 udp")
	for range 100 { // on both by turns
		f.now = f.now.Add(ttl - 1)
		on("eth0", ttl, "")
		is("eth1")
		on("eth1", ttl, "")
	}
	f.now = f.now.Add(ttl)
	on("eth0", ttl, "updated 1@1 udp") // eth1 has been silent
	is("eth0")
	on("eth1", 0, "updated 1@1 udp") // no announce, but what a program says
	on("eth0", 0, "updated 1@1 udp")
	goodbye := gone(1, 1)
	goodbye.Interface = "eth1" // may be heard anywhere
	f.saw("udp", goodbye, "lost 1@1 udp goodbye, 0 left")
}

// TestOneAddressIsLostAtMostFourTimesAMinute plays all kinds of rhythms against the bound that flap.go promises.
func TestOneAddressIsLostAtMostFourTimesAMinute(t *testing.T) {
	steps := []time.Duration{0, 1, time.Second, 5 * time.Second, 15 * time.Second, doubtFor - 1, doubtFor, doubtFor + rememberFor, calmAfter - 1, calmAfter}
	for seed := range uint64(200) {
		f := newFixture(t)
		random := rand.New(rand.NewPCG(seed, 0))
		few := []time.Duration{steps[random.IntN(len(steps))], steps[random.IntN(len(steps))], steps[random.IntN(len(steps))]}
		var lost []time.Time
		there := false
		check := func(changes []Change) {
			for _, c := range changes {
				if there == (c.Kind == Found) || c.Kind == Updated {
					t.Fatalf("seed %d: %s when it was there: %t", seed, describe([]Change{c}), there)
				}
				if there = c.Kind == Found; !there {
					lost = append(lost, f.now)
				}
			}
		}
		for range 500 {
			end := f.now.Add(few[random.IntN(len(few))])
			for !f.next.IsZero() && !f.next.After(end) {
				f.now = f.next
				check(f.expire(f.now))
			}
			f.now = end
			if random.IntN(2) == 0 {
				check(f.mustSee("mdns", gone(1, 1)))
			} else {
				check(f.mustSee("mdns", seen(1, 1, []time.Duration{1, time.Second, time.Minute}[random.IntN(3)])))
			}
		}
		for i, at := range lost {
			if i >= 4 && at.Sub(lost[i-4]) < time.Minute {
				t.Fatalf("seed %d: lost five times within %v", seed, at.Sub(lost[i-4]))
			}
		}
	}
}

// mustSee is sees for which there has to be room.
func (f *fixture) mustSee(source string, s discovery.Sighting) []Change {
	changes, room := f.sees(source, s)
	if !room {
		f.t.Fatal("no room")
	}
	return changes
}
