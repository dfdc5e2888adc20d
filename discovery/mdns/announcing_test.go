package mdns

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

var (
	lan0 = card(2, "eth0", "10.77.0.1/24")
	lan1 = card(3, "eth1", "10.78.0.1/24")
)

// speaks runs f with a run of node 1 on some interfaces.
func speaks(t *testing.T, using []discovery.Interface, f func(t *testing.T, g *rig)) {
	t.Helper()
	bubble(t, f, func(who *discovery.Self, g *rig) {
		who.Key, who.Listens, g.interfaces = key(1), listens(everywhere), using
	})
}

// queried puts a query to a run.
func (g *rig) queried(index int, q query) {
	g.latest().heard <- heard{on: discovery.Interface{Index: index}, query: q}
	synctest.Wait()
}

// announcedThere are the announcements of node 1 on lan0 and lan1.
var announcedThere = []string{"1.02s 2 PTR SRV TXT A", "1.02s 3 PTR SRV TXT A", "20ms 2 PTR SRV TXT A", "20ms 3 PTR SRV TXT A",
	"3.02s 2 PTR SRV TXT A", "3.02s 3 PTR SRV TXT A"}

func TestANodeAnnouncesAnswersAndSaysGoodbye(t *testing.T) {
	speaks(t, []discovery.Interface{lan0, lan1}, func(t *testing.T, g *rig) {
		g.says(10*time.Second, announcedThere...)
		g.queried(3, query{kinds: pointer})
		g.queried(4, query{kinds: pointer}) // an interface that is not there
		g.says(10*time.Second+30*time.Millisecond, "10.02s 3 PTR + SRV TXT A")
		g.queried(3, query{kinds: text})
		g.queried(2, query{kinds: text, known: []dns.RR{factOf(1).text()}})
		g.queried(2, query{kinds: address6}) // there is none
		g.says(20*time.Second, "11.02s 3 TXT")
		g.hears(lan0, factOf(1).goodbye())
		g.hears(card(4, "eth2"), factOf(1).goodbye())
		g.says(20*time.Second, "20s 2 PTR SRV TXT A")
		before := time.Now()
		g.cancel()
		g.ends(nil)
		if took := time.Since(before); took != goodbyeAgain {
			t.Errorf("ends after %v", took)
		}
		g.says(time.Minute, "20.05s 2 -PTR -SRV -TXT -A", "20.05s 3 -PTR -SRV -TXT -A", "20s 2 -PTR -SRV -TXT -A", "20s 3 -PTR -SRV -TXT -A")
		if got := g.provider.Stats(); got.Suppressed != 2 || got.Limited != 1 {
			t.Errorf("counted %+v", got)
		}
	})
}

// TestNothingIsSaidAfterAGoodbye ends a node that has something else to say, or is just saying it.
func TestNothingIsSaidAfterAGoodbye(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*rig)
		want   []string
	}{
		"it has not begun":      {func(*rig) {}, nil},
		"it has begun":          {func(g *rig) { g.until(1500 * time.Millisecond) }, nil},
		"it has an answer":      {func(g *rig) { g.until(10 * time.Second); g.queried(2, query{kinds: pointer}) }, nil},
		"it has a later answer": {func(g *rig) { g.until(3500 * time.Millisecond); g.queried(2, query{kinds: text}) }, nil},
		"it has a contradiction": {func(g *rig) {
			g.hears(lan0, factOf(1).goodbye())
			time.Sleep(100 * time.Millisecond)
			g.hears(lan0, factOf(1).goodbye())
		}, nil},
		"it is announcing": {func(g *rig) {
			g.set(func() { g.pause = 10 * time.Millisecond })
			g.until(25 * time.Millisecond)
		}, []string{"PTR SRV TXT A"}},
	} {
		t.Run(name, func(t *testing.T) {
			speaks(t, []discovery.Interface{lan0}, func(t *testing.T, g *rig) {
				c.before(g)
				synctest.Wait()
				g.set(func() { g.said = nil })
				g.cancel()
				g.ends(nil)
				time.Sleep(time.Minute)
				var got []string
				g.set(func() {
					for _, said := range g.said {
						got = append(got, strings.SplitN(said, " ", 3)[2])
					}
				})
				if want := append(c.want, "-PTR -SRV -TXT -A", "-PTR -SRV -TXT -A"); !slices.Equal(got, want) {
					t.Errorf("said %q\nwant %q", got, want)
				}
			})
		})
	}
}

// TestOnlyWhatDoesNotHoldAnyMoreIsTakenBack has interfaces that change.
func TestOnlyWhatDoesNotHoldAnyMoreIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		next []discovery.Interface
		want []string // of goodbyes
	}{
		"the same":           {[]discovery.Interface{lan0, lan1}, nil},
		"one interface less": {[]discovery.Interface{lan0}, []string{"10.05s 3 -PTR -SRV -TXT -A", "10s 3 -PTR -SRV -TXT -A"}},
		"another address":    {[]discovery.Interface{card(2, "eth0", "10.77.0.9/24"), lan1}, []string{"10.05s 2 -A", "10s 2 -A"}},
	} {
		speaks(t, []discovery.Interface{lan0, lan1}, func(t *testing.T, g *rig) {
			g.says(10*time.Second-time.Nanosecond, announcedThere...)
			g.set(func() { g.interfaces = c.next })
			g.until(10 * time.Second)
			g.changed <- struct{}{}
			g.until(15 * time.Second)
			var got []string
			g.set(func() {
				for _, said := range g.said {
					if strings.Contains(said, " -") {
						got = append(got, said)
					}
				}
			})
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("%s: said %q, want %q", name, got, c.want)
			}
		})
	}
}

// TestNoGoodbyeHidesAnother has goodbyes of other records, and on another interface, before the one that is to be contradicted,
// while the node is busy.
func TestNoGoodbyeHidesAnother(t *testing.T) {
	speaks(t, []discovery.Interface{lan0, lan1}, func(t *testing.T, g *rig) {
		g.says(time.Minute, announcedThere...)
		other := factOf(1)
		other.port = 9000
		g.set(func() { g.pause = time.Second }) // while it speaks it looks at none of what comes
		g.queried(2, query{kinds: text})
		g.hears(lan1, response(other.goodbye().Answer[0]))
		for range 3 {
			g.hears(lan0, factOf(1).goodbye())
			g.hears(lan1, factOf(1).goodbye())
		}
		g.says(61*time.Second, "1m1s 2 PTR SRV TXT A", "1m1s 2 TXT", "1m1s 3 PTR SRV TXT A")
	})
}
