package finder

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

type provided = discovery.Provider

var errNoNetwork = errors.New("no network")

func TestProviderThatFailsIsRunAgainEverMorePatiently(t *testing.T) {
	for name, test := range map[string]struct {
		run func(context.Context) error
		why string // in the log
	}{
		"error":                {func(context.Context) error { return errNoNetwork }, "no network"},
		"nothing":              {func(context.Context) error { return nil }, errEnded.Error()},
		"panic":                {func(context.Context) error { panic("on purpose") }, "on purpose"},
		"end of the goroutine": {func(context.Context) error { runtime.Goexit(); return nil }, errEnded.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			broken, udp := &scripted{name: "broken", run: test.run}, &scripted{name: "udp"}
			bubble(t, func(t *testing.T, g *rig) {
				time.Sleep(200 * time.Second)
				if got, want := broken.runs(), seconds(0, 5, 15, 35, 75, 135, 195); !slices.Equal(got, want) {
					t.Errorf("run at %v, want %v", got, want)
				}
				if n := len(g.log.Lines("level=WARN", "provider=broken", test.why)); n != 1 {
					t.Errorf("warned %d times why it does not work, want once", n)
				}
				if n := len(g.log.Lines("level=DEBUG", "provider=broken", test.why)); n != 6 {
					t.Errorf("logged %d times that it still does not, want 6", n)
				}
				if panics := g.log.Lines("level=ERROR", "provider=broken", "provider_test.go"); (len(panics) == 7) != (name == "panic") {
					t.Errorf("logged %d stacks", len(panics))
				}
				udp.sees(seen(1, 1, time.Minute)) // another provider still works
				g.want("found 1@1 udp")
				if n := len(udp.runs()); n != 1 {
					t.Errorf("another provider was run %d times", n)
				}
				g.send(Stop{}) // in a pause
				g.wantStopped(1)
				time.Sleep(time.Hour)
				if n := len(broken.runs()); n != 7 {
					t.Errorf("run again after Stop, %d times in all", n)
				}
			}, broken, udp)
		})
	}
}

func TestProviderThatHasRunForLongIsForgiven(t *testing.T) {
	lasts := seconds(0, 0, 59, 61, 0)
	var p *scripted
	p = &scripted{name: "udp", run: func(ctx context.Context) error {
		i := len(p.runs()) - 1
		if i >= len(lasts) {
			<-ctx.Done()
			return nil
		}
		time.Sleep(lasts[i])
		return errNoNetwork
	}}
	bubble(t, func(t *testing.T, g *rig) {
		time.Sleep(time.Hour)
		// Pauses of 5, 10 and 20 s, 5 s after the run that lasted, and then 10 s.
		if got, want := p.runs(), seconds(0, 5, 15, 94, 160, 170); !slices.Equal(got, want) {
			t.Errorf("run at %v, want %v", got, want)
		}
	}, p)
}

func TestProviderThatFailsTakesBackWhatNothingElseWouldEnd(t *testing.T) {
	var p *scripted
	p = &scripted{name: "udp", run: func(ctx context.Context) error {
		if len(p.runs()) == 1 {
			time.Sleep(time.Second)
			return errNoNetwork
		}
		p.sees(seen(1, 1, 0))
		<-ctx.Done()
		return nil
	}}
	bubble(t, func(t *testing.T, g *rig) {
		p.sees(seen(1, 1, 0), seen(1, 2, time.Minute))
		g.want("found 1@1 udp; updated 1@2 udp")
		time.Sleep(time.Second)
		g.want("lost 1@1 udp withdrawn, 1 left")
		time.Sleep(firstPause)
		g.want("updated 1@1 udp")
	}, p)
}

func TestFloodIsBoundedPerProviderAndCounted(t *testing.T) {
	const flood = 10_000
	udp, mdns := &scripted{name: "udp"}, &scripted{name: "mdns"}
	bubble(t, func(t *testing.T, g *rig) {
		g.full = make(chan struct{}) // the finder is busy from its first change on
		udp.sees(seen(1, 0, time.Hour))
		synctest.Wait()
		var join sync.WaitGroup
		for i := range 4 { // from any goroutine
			join.Go(func() {
				for range flood / 4 {
					udp.sees(seen(1, 1+i, time.Hour))
				}
			})
		}
		join.Wait()
		mdns.sees(seen(1, 9, time.Hour), gone(1, 9)) // another provider has room of its own
		close(g.full)
		if got := describe(g.told()); !strings.Contains(got, "updated 1@9 mdns") || !strings.Contains(got, "lost 1@9 mdns goodbye") {
			t.Errorf("told %q", got)
		}
		lines := g.log.Lines("level=WARN", "sightings dropped", "dropped=8976\n") // all but the 1,024 that waited
		if len(lines) != 1 {
			t.Errorf("the log does not say once how many were dropped: %q", g.log.Lines("dropped"))
		}
		udp.sees(seen(2, 1, time.Hour)) // the room has come back
		g.want("found 2@1 udp")
	}, udp, mdns)
}

func TestProviderThatDoesNotStopHoldsUpNobodyForLong(t *testing.T) {
	stuck := &scripted{name: "stuck", run: func(context.Context) error {
		time.Sleep(time.Hour)
		return nil
	}}
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		g.send(Stop{})
		if n := udp.running(); n != 0 {
			t.Errorf("the other one still runs")
		}
		time.Sleep(stopWithin - time.Nanosecond)
		g.wantStopped(0)
		time.Sleep(time.Nanosecond)
		g.wantStopped(1)
		if n := len(g.log.Lines("level=ERROR", "provider=stuck")); n != 1 {
			t.Errorf("logged %d times", n)
		}
		time.Sleep(time.Hour)
	}, stuck, udp)
}

// A nameless is a provider that cannot even say its name.
type nameless struct{ provided }

func TestProviderWithoutANameIsLeftOut(t *testing.T) {
	for name, broken := range map[string]provided{"panics": nameless{}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			udp := &scripted{name: "udp"}
			bubble(t, func(t *testing.T, g *rig) {
				udp.sees(seen(1, 1, time.Minute))
				g.want("found 1@1 udp")
				if n := len(g.log.Lines("level=ERROR", "actor panicked")); n != 1 {
					t.Errorf("logged %d times", n)
				}
				g.send(Stop{})
				g.wantStopped(1)
			}, broken, udp)
		})
	}
}

func TestEachReasonIsAWarningOnce(t *testing.T) {
	reason := func(i int) string { return "reason " + string(rune('A'+i%26)) }
	var p *scripted
	each := func(f func(i int) string) func(context.Context) error {
		return func(context.Context) error { return errors.New(f(len(p.runs()) - 1)) }
	}
	t.Run("by turns", func(t *testing.T) {
		p = &scripted{name: "udp", run: each(func(i int) string { return reason(i % 3) })}
		bubble(t, func(t *testing.T, g *rig) {
			time.Sleep(time.Hour)
			for i := range 3 {
				if n := len(g.log.Lines("level=WARN", reason(i))); n != 1 {
					t.Errorf("%s: warned %d times", reason(i), n)
				}
			}
			if n := len(g.log.Lines("level=DEBUG", "reason")); n < 50 {
				t.Errorf("logged %d of the rest", n)
			}
		}, p)
	})
	t.Run("a new one each time", func(t *testing.T) {
		p = &scripted{name: "udp", run: each(reason)}
		bubble(t, func(t *testing.T, g *rig) {
			time.Sleep(20 * time.Minute)
			if n := len(g.log.Lines("level=WARN", "reason")); n != maxReasons {
				t.Errorf("warned %d times, want %d", n, maxReasons)
			}
		}, p)
	})
	t.Run("after it was forgiven", func(t *testing.T) {
		p = &scripted{name: "udp", run: func(context.Context) error {
			if len(p.runs()) == 3 {
				time.Sleep(maxPause + 1)
			}
			return errNoNetwork
		}}
		bubble(t, func(t *testing.T, g *rig) {
			time.Sleep(time.Hour)
			if n := len(g.log.Lines("level=WARN", "no network")); n != 2 {
				t.Errorf("warned %d times, want twice", n)
			}
			if n := len(g.log.Lines("works again")); n != 1 {
				t.Errorf("logged %d times that it works, want once", n)
			}
		}, p)
	})
}

func TestProviderThatHasFailedIsRunAgainAtOnceWhenTheNetworkChanges(t *testing.T) {
	broken := &scripted{name: "broken", run: func(context.Context) error { return errNoNetwork }}
	bubble(t, func(t *testing.T, g *rig) {
		time.Sleep(10 * time.Second) // run at 0 and 5 s, next at 15 s
		g.send(Moved{})
		time.Sleep(24 * time.Second) // pauses double nevertheless
		if got, want := broken.runs(), seconds(0, 5, 10, 30); !slices.Equal(got, want) {
			t.Errorf("run at %v, want %v", got, want)
		}
	}, broken)
}

func TestAChangeThatEndsAPauseIsNotToldAgain(t *testing.T) {
	var p *scripted
	p = &scripted{name: "udp", run: func(ctx context.Context) error {
		if len(p.runs()) == 1 {
			time.Sleep(time.Second) // and does not listen
			return errNoNetwork
		}
		<-ctx.Done()
		return nil
	}}
	bubble(t, func(t *testing.T, g *rig) {
		first := p.changes()
		for range 3 {
			g.send(Moved{})
		}
		synctest.Wait()
		if len(first) != 1 || cap(first) != 1 {
			t.Errorf("%d of %d changes wait, want one", len(first), cap(first))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := p.runs(), seconds(0, 1); !slices.Equal(got, want) { // something had changed
			t.Errorf("run at %v, want %v", got, want)
		}
		if len(p.changes()) != 0 {
			t.Error("the second run has the changes of the first")
		}
	}, p)
}
