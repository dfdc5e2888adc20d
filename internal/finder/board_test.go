package finder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// status returns the status of the only provider, without the times.
func (g *rig) status() discovery.Status {
	g.t.Helper()
	synctest.Wait()
	all := g.board.Providers()
	if len(all) != 1 {
		g.t.Fatalf("%d providers, want one", len(all))
	}
	return all[0]
}

func TestBoardIsEmptyAtFirst(t *testing.T) {
	b := NewBoard()
	if p, q := b.Providers(), b.Presences(); len(p)+len(q) != 0 {
		t.Errorf("%v, %v", p, q)
	}
}

func TestBoardTellsWhoIsSeenWhere(t *testing.T) {
	udp, manual := &scripted{name: "udp"}, &scripted{name: "manual"}
	bubble(t, func(t *testing.T, g *rig) {
		udp.sees(seen(2, 1, 15*time.Second), seen(1, 2, time.Minute))
		manual.sees(seen(1, 1, 0), seen(1, 3, 0), gone(1, 3))
		synctest.Wait()
		now := time.Now()
		want := []Presence{
			{Key: key(1), Addr: addr(1), Source: "manual", First: now, Last: now},
			{Key: key(1), Addr: addr(2), Source: "udp", First: now, Last: now, Until: now.Add(time.Minute)},
			{Key: key(2), Addr: addr(1), Source: "udp", First: now, Last: now, Until: now.Add(15 * time.Second)},
		}
		if got := g.board.Presences(); !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		g.send(Stop{})
		g.wantStopped(1)
		if got := g.board.Presences(); len(got) != 0 {
			t.Errorf("after the end: %+v", got)
		}
		for _, s := range g.board.Providers() {
			if s.State != discovery.Ended || s.Since != time.Now() || s.Err != nil {
				t.Errorf("after the end: %+v", s)
			}
		}
	}, udp, manual)
}

func TestBoardCountsSightingsAndThoseDropped(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		g.full = make(chan struct{}) // the finder is busy from its first change on
		udp.sees(seen(1, 0, time.Hour))
		synctest.Wait()
		for range maxAhead + 10 {
			udp.sees(seen(1, 0, time.Hour))
		}
		close(g.full)
		if s := g.status(); s.Sightings != 1+maxAhead || s.Dropped != 10 {
			t.Errorf("%d sightings, %d dropped; want %d and 10", s.Sightings, s.Dropped, 1+maxAhead)
		}
		for i := range MaxUntrusted + 5 {
			udp.sees(seen(100+i, 1, time.Hour))
			synctest.Wait()
		}
		if s := g.status(); s.Sightings != 1+maxAhead+MaxUntrusted+5 || s.Dropped != 10+5 {
			t.Errorf("%d sightings, %d dropped, after more untrusted keys than there is room for", s.Sightings, s.Dropped)
		}
	}, udp)
}

func TestBoardTellsWhatFailsAndWhenItIsTriedAgain(t *testing.T) {
	var p *scripted
	p = &scripted{name: "udp", run: func(ctx context.Context) error {
		time.Sleep(time.Second)
		if len(p.runs()) < 3 {
			return errNoNetwork
		}
		<-ctx.Done()
		return nil
	}}
	bubble(t, func(t *testing.T, g *rig) {
		began := time.Now()
		want := func(state discovery.State, since time.Duration, err error, next time.Duration) {
			t.Helper()
			s := g.status()
			if s.Name != "udp" || s.State != state || s.Since.Sub(began) != since || !errors.Is(s.Err, err) {
				t.Errorf("after %v: %+v, want it %s since %v, %v", time.Since(began), s, state, since, err)
			}
			if next == 0 != s.Next.IsZero() || next != 0 && s.Next.Sub(began) != next {
				t.Errorf("after %v: tried again at %v, want %v", time.Since(began), s.Next.Sub(began), next)
			}
		}
		want(discovery.Running, 0, nil, 0)
		time.Sleep(time.Second)
		want(discovery.Failed, time.Second, errNoNetwork, 6*time.Second)
		time.Sleep(5 * time.Second)
		want(discovery.Running, 6*time.Second, errNoNetwork, 0) // it is not yet known whether it works
		time.Sleep(time.Second)
		want(discovery.Failed, 7*time.Second, errNoNetwork, 17*time.Second)
		time.Sleep(10 * time.Second)
		want(discovery.Running, 17*time.Second, errNoNetwork, 0)
		time.Sleep(maxPause - 1)
		want(discovery.Running, 17*time.Second, errNoNetwork, 0)
		if n := len(g.log.Lines("works again")); n != 0 {
			t.Errorf("logged %d times that it works", n)
		}
		time.Sleep(time.Nanosecond)
		want(discovery.Running, 17*time.Second, nil, 0)
		if n := len(g.log.Lines("level=INFO", "works again", "provider=udp")); n != 1 {
			t.Errorf("logged %d times that it works, want once", n)
		}
	}, p)
}

func TestBoardIsSafeForConcurrentUse(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		var join sync.WaitGroup
		for range 4 {
			join.Go(func() {
				for range 200 {
					g.board.Presences()
					g.board.Providers()
				}
			})
		}
		for i := range 1000 {
			udp.sees(seen(i%10, i%20, time.Minute), gone(i%10, i%7))
			g.send(Connected{Key: key(1), Addr: addr(i % 20)})
			g.send(Disconnected{Key: key(1)})
		}
		join.Wait()
	}, udp)
}

// TestProblemsAreShownAndTold: a provider that cannot do what it should is not running, and is not to be mistaken for one.
func TestProblemsAreShownAndTold(t *testing.T) {
	udp := &scripted{name: "udp"}
	bubble(t, func(t *testing.T, g *rig) {
		want := func(state discovery.State, want ...string) {
			t.Helper()
			if s := g.status(); s.State != state {
				t.Errorf("state %s, want %s: %v", s.State, state, s.Problems)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			var got []string
			for _, p := range g.problems {
				got = append(got, fmt.Sprintf("%s %s %s %s %v", p.Source, p.State, p.Doing, p.Interface, p.Err))
			}
			if !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
			g.problems = nil
		}
		want(discovery.Running)
		now := time.Now()
		list := []discovery.Problem{{Interface: "eth0", Doing: "send", Err: errNoNetwork, Since: now}, {Interface: "eth1", Doing: "send", Err: errNoNetwork, Since: now}}
		udp.self.Problems(list)
		want(discovery.Impaired, "udp impaired send eth0 no network", "udp impaired send eth1 no network")
		udp.self.Problems(list[1:])
		want(discovery.Impaired, "udp impaired send eth0 <nil>")
		if s := g.status(); !slices.Equal(s.Problems, list[1:]) {
			t.Errorf("%v", s.Problems)
		}
		udp.self.Problems(nil)
		want(discovery.Running, "udp running send eth1 <nil>")
		if n := len(g.log.Lines("level=WARN", "impaired", "provider=udp")); n != 2 {
			t.Errorf("%d warnings, want 2", n)
		}
		for n := range 10 * maxProblems { // told in a flood
			udp.self.Problems(list[:n%2])
		}
		synctest.Wait()
		if n := len(g.problems); n > maxProblems {
			t.Errorf("%d were told at once", n)
		}
		udp.self.Problems(slices.Repeat(list, maxProblems))
		if s := g.status(); len(s.Problems) != maxProblems {
			t.Errorf("%d are shown", len(s.Problems))
		}
	}, udp)
}

// TestAProviderThatFailsIsTold: once for each reason, and when it works again, each time anew.
func TestAProviderThatFailsIsTold(t *testing.T) {
	runs := 0
	p := &scripted{name: "udp", run: func(ctx context.Context) error {
		switch runs++; runs {
		case 1, 2, 4:
			return errNoNetwork
		case 3:
			time.Sleep(2 * time.Minute)
			return errNoNetwork
		}
		<-ctx.Done()
		return nil
	}}
	bubble(t, func(t *testing.T, g *rig) {
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		var got []string
		for _, p := range g.problems {
			got = append(got, fmt.Sprintf("%s %v", p.State, p.Err))
		}
		if want := []string{"failed no network", "running <nil>", "failed no network", "running <nil>"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}, p)
}
