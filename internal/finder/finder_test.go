package finder

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

func TestSightingsOfAllProvidersAreToldInOrder(t *testing.T) {
	udp, manual := &scripted{name: "udp"}, &scripted{name: "manual"}
	bubble(t, func(t *testing.T, g *rig) {
		if udp.self.Key != self || len(udp.self.Listens()) != 1 {
			t.Errorf("the provider works for %+v", udp.self)
		}
		udp.sees(seen(2, 1, 15*time.Second))
		g.want("found 2@1 udp")
		manual.sees(seen(1, 1, 0), seen(2, 1, 0), gone(1, 1), gone(3, 1))
		g.want("found 1@1 manual; updated 2@1 manual; lost 1@1 manual goodbye, 0 left")
	}, udp, manual)
}

func TestOwnKeyIsIgnored(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(1_000_000, 1, time.Minute), seen(2, 1, time.Minute))
		g.want("found 2@1 udp")
	}, udp)
}

func TestPresencesExpireOnTime(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(1, 1, 15*time.Second), seen(2, 2, 5*time.Second), seen(3, 3, 0))
		g.want("found 1@1 udp; found 2@2 udp; found 3@3 udp")
		time.Sleep(5*time.Second - time.Nanosecond)
		g.want("")
		time.Sleep(time.Nanosecond)
		g.want("lost 2@2 udp expired, 0 left")
		udp.sees(seen(1, 1, 15*time.Second)) // heard again after 5 s
		time.Sleep(15*time.Second - time.Nanosecond)
		g.want("")
		time.Sleep(time.Nanosecond)
		g.want("lost 1@1 udp expired, 0 left")
		udp.sees(seen(2, 2, time.Hour), seen(1, 1, time.Second)) // what comes later ends earlier
		g.want("found 2@2 udp; found 1@1 udp")
		time.Sleep(time.Second)
		g.want("lost 1@1 udp expired, 0 left")
		time.Sleep(time.Hour)
		g.want("lost 2@2 udp expired, 0 left")
	}, udp)
}

func TestManyExpiriesAreToldTogether(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		const n = 1000
		for i := range n {
			udp.sees(seen(2+i, 1, time.Second+time.Duration(i)*time.Millisecond)) // over the second that follows
		}
		if c := g.told(); len(c) != n {
			t.Fatalf("%d are found", len(c))
		}
		began, searches, left := time.Now(), 0, n
		for left > 0 {
			time.Sleep(time.Millisecond)
			if c := g.told(); len(c) > 0 {
				searches++
				left -= len(c)
				for _, lost := range c {
					if late := time.Since(lost.Until); late < 0 || late > expireEvery {
						t.Fatalf("told %v late", late)
					}
				}
			}
		}
		if most := int(time.Since(began)/expireEvery) + 1; searches > most {
			t.Errorf("%d searches, want at most %d", searches, most)
		}
	}, udp)
}

func TestTrustedReplaysWhatIsKnown(t *testing.T) {
	udp, manual := &scripted{name: "udp"}, &scripted{name: "manual"}
	bubble(t, func(t *testing.T, g *rig) {
		g.send(Trusted{key(2)})
		g.want("")
		udp.sees(seen(2, 1, time.Minute), seen(2, 2, time.Minute), seen(3, 1, time.Minute))
		manual.sees(seen(2, 1, 0))
		g.told()
		g.send(Trusted{key(2)})
		g.want("updated 2@1 manual; updated 2@1 udp; updated 2@2 udp")
		time.Sleep(time.Minute)
		g.told()
		g.send(Trusted{key(2)})
		g.want("updated 2@1 manual")
	}, udp, manual)
}

func TestUntrustedKeysThatFindNoRoomAreLogged(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		for i := range MaxUntrusted + 10 {
			udp.sees(seen(100+i, 1, time.Hour))
			synctest.Wait()
		}
		if c := g.told(); len(c) != MaxUntrusted {
			t.Errorf("%d are found, want %d", len(c), MaxUntrusted)
		}
		udp.sees(seen(1, 1, time.Hour))
		g.want("found 1@1 udp")
		warned := func() []string { return g.log.Lines("level=WARN", "sightings dropped") }
		if lines := warned(); len(lines) != 1 || !strings.Contains(lines[0], "dropped=1\n") {
			t.Errorf("logged %q, want the first", lines)
		}
		time.Sleep(limiter.Period)
		udp.sees(seen(2, 1, time.Hour))
		synctest.Wait()
		if lines := warned(); len(lines) != 2 || !strings.Contains(lines[1], "dropped=10\n") {
			t.Errorf("logged %q, want a second line with those since", lines)
		}
		time.Sleep(limiter.Period)
		udp.sees(seen(1, 1, time.Hour)) // nothing was dropped since
		synctest.Wait()
		if lines := warned(); len(lines) != 2 {
			t.Errorf("logged %q", lines)
		}
	}, udp)
}

func TestStopEndsTheProvidersAndTellsSoOnce(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprintf("%d providers", n), func(t *testing.T) {
			var all []*scripted
			var providers []provided
			for i := range n {
				s := &scripted{name: fmt.Sprint("p", i), run: func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(time.Duration(i) * time.Second) // says goodbye
					return nil
				}}
				all, providers = append(all, s), append(providers, s)
			}
			bubble(t, func(t *testing.T, g *rig) {
				g.wantStopped(0)
				g.send(Stop{})
				g.send(Stop{})
				if n > 1 {
					time.Sleep(time.Duration(n-1)*time.Second - time.Nanosecond)
					g.wantStopped(0)
					time.Sleep(time.Nanosecond)
				}
				g.wantStopped(1)
				if lines := g.log.Lines("level="); len(lines) != 0 {
					t.Errorf("logged %q, although all went well", lines)
				}
				for _, s := range all {
					if s.running() != 0 {
						t.Errorf("%s runs", s.name)
					}
				}
				g.send(Stop{})
				time.Sleep(time.Minute)
				g.wantStopped(1)
			}, providers...)
		})
	}
}

func TestNothingIsToldAfterStop(t *testing.T) {
	var udp *scripted
	udp = &scripted{name: "udp", run: func(ctx context.Context) error {
		<-ctx.Done()
		udp.sees(gone(1, 1), seen(2, 2, time.Minute)) // while it stops
		time.Sleep(3 * time.Second)
		return nil
	}}
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(1, 1, time.Minute), seen(3, 3, time.Second))
		g.told()
		g.send(Stop{})
		g.send(Trusted{key(3)})
		g.want("")
		time.Sleep(time.Minute)
		g.want("")
		g.wantStopped(1)
	}, udp)
}

func TestTheActorsEndStopsTheProvidersToo(t *testing.T) {
	udp, failing := &scripted{name: "udp"}, &scripted{name: "failing", run: func(context.Context) error { return errNoNetwork }}
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(1, 1, time.Minute))
		g.want("found 1@1 udp")
		g.System.Root.Stop(g.pid)
		if n := udp.running(); n != 0 {
			t.Errorf("%d run", n)
		}
		time.Sleep(time.Hour)
		if n := len(failing.runs()); n != 1 {
			t.Errorf("a provider was run again after the end, %d times in all", n)
		}
		g.want("")
		g.wantStopped(0)
	}, udp, failing)
}

func TestConnectedKeysStayPresent(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(1, 1, 15*time.Second))
		g.want("found 1@1 udp")
		time.Sleep(14 * time.Second)
		g.send(Connected{Key: key(1), Addr: addr(1)})
		time.Sleep(time.Hour)
		g.want("")
		g.send(Disconnected{Key: key(1)})
		time.Sleep(15*time.Second - 1)
		g.want("")
		time.Sleep(time.Nanosecond)
		g.want("lost 1@1 udp expired, 0 left")
		g.send(Connected{Key: key(1)})
		udp.sees(seen(1, 2, 15*time.Second), gone(1, 2))
		g.want("found 1@2 udp; lost 1@2 udp goodbye, 0 left")
	}, udp)
}

func TestMovedGivesPresencesTheirWholeTimeAndTellsTheProviders(t *testing.T) {
	told := make(chan string, 10)
	listen := func(s *scripted) func(context.Context) error {
		return func(ctx context.Context) error {
			for {
				select {
				case <-s.self.Changed:
					told <- s.name
				case <-ctx.Done():
					return nil
				}
			}
		}
	}
	udp, mdns, deaf := &scripted{name: "udp"}, &scripted{name: "mdns"}, &scripted{name: "deaf"}
	udp.run, mdns.run = listen(udp), listen(mdns)
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(1, 1, 15*time.Second))
		g.want("found 1@1 udp")
		time.Sleep(14 * time.Second)
		for range 3 { // one who does not listen holds up nobody
			g.send(Moved{})
			synctest.Wait()
		}
		if len(told) != 6 {
			t.Errorf("told %d, want two providers three times", len(told))
		}
		time.Sleep(15*time.Second - 1)
		g.want("")
		time.Sleep(time.Nanosecond)
		g.want("lost 1@1 udp expired, 0 left")
	}, udp, mdns, deaf)
}

// A sleeper is a clock of a machine that can be suspended: time goes on, and what was due comes late.
type sleeper struct {
	clock.Clock
	slept atomic.Int64
}

func (s *sleeper) Now() time.Time { return s.Clock.Now().Add(time.Duration(s.slept.Load())) }

func TestNothingExpiresWhileTheMachineSleeps(t *testing.T) {
	for name, test := range map[string]struct {
		sleep time.Duration
		lost  bool // at once, when it wakes
	}{
		"for hours": {8 * time.Hour, false},
		"briefly":   {sleptIfLate, true},
	} {
		t.Run(name, func(t *testing.T) {
			udp, s := &scripted{name: "udp"}, &sleeper{Clock: clock.System}
			bubbleWith(t, s, func(t *testing.T, g *rig) {
				udp.sees(seen(1, 1, 15*time.Second), seen(2, 1, time.Minute))
				g.want("found 1@1 udp; found 2@1 udp")
				time.Sleep(10 * time.Second)
				s.slept.Add(int64(test.sleep))
				time.Sleep(5 * time.Second) // now the timer goes off
				if !test.lost {
					g.want("")
					time.Sleep(15*time.Second - 1)
					g.want("")
					time.Sleep(time.Nanosecond)
				}
				g.want("lost 1@1 udp expired, 0 left")
			}, udp)
		})
	}
}
