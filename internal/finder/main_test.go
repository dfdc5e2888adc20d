package finder

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// self is the key of the node in these tests.
var self = key(1_000_000)

// A rig is a finder on an actor system of its own, inside a bubble.
type rig struct {
	t *testing.T
	*kit.Actors
	pid   *actor.PID
	board *Board
	log   *kit.Log

	mu       sync.Mutex // guards the rest
	changes  []Change
	problems []Problem
	stopped  int
	full     chan struct{} // not nil: Tell waits until it is closed
}

// bubble runs f with a finder that has these providers. Key 1 is trusted. Afterwards no goroutine may be left.
func bubble(t *testing.T, f func(t *testing.T, g *rig), providers ...discovery.Provider) {
	t.Helper()
	bubbleWith(t, clock.System, f, providers...)
}

// bubbleWith is bubble with a clock of one's own.
func bubbleWith(t *testing.T, c clock.Clock, f func(t *testing.T, g *rig), providers ...discovery.Provider) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &rig{t: t, Actors: kit.NewActors(), board: NewBoard(), log: kit.NewLog(slog.LevelDebug)}
		g.pid = g.System.Root.Spawn(Props(&Config{Self: discovery.Self{Key: self, Listens: func() []netip.AddrPort { return []netip.AddrPort{addr(1)} }}, Providers: providers, Board: g.board,
			Trusted: func(k identity.PublicKey) bool { return k == key(1) },
			Clock:   c, Log: g.log.Logger(), Pool: g.Pool, Tell: g.tell, TellPeers: func(Change) {}}))
		t.Cleanup(func() {
			g.System.Root.Stop(g.pid)
			g.Close()
		})
		synctest.Wait()
		f(t, g)
	})
}

func (g *rig) tell(m any) {
	g.mu.Lock()
	full := g.full
	g.mu.Unlock()
	if full != nil {
		<-full
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch m := m.(type) {
	case Change:
		g.changes = append(g.changes, m)
	case Problem:
		g.problems = append(g.problems, m)
	case Stopped:
		g.stopped++
	default:
		g.t.Errorf("told %T", m)
	}
}

func (g *rig) send(m any) { g.System.Root.Send(g.pid, m) }

// told returns the changes since the last time, once nothing more happens.
func (g *rig) told() []Change {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.changes
	g.changes = nil
	return c
}

func (g *rig) want(want string) {
	g.t.Helper()
	if got := describe(g.told()); got != want {
		g.t.Errorf("told %q, want %q", got, want)
	}
}

// wantStopped fails the test unless Stopped was told n times by now.
func (g *rig) wantStopped(n int) {
	g.t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped != n {
		g.t.Errorf("Stopped was told %d times, want %d", g.stopped, n)
	}
}

// A scripted is a provider that the test drives.
type scripted struct {
	name string
	run  func(ctx context.Context) error // nil: runs until ctx ends

	mu     sync.Mutex // guards the rest
	sight  func(discovery.Sighting)
	began  []time.Time
	self   discovery.Self
	active int
}

func (s *scripted) Name() string { return s.name }

func (s *scripted) Run(ctx context.Context, self discovery.Self, sight func(discovery.Sighting)) error {
	s.mu.Lock()
	s.sight, s.self = sight, self
	s.began = append(s.began, time.Now())
	s.active++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.active--
	}()
	if s.run != nil {
		return s.run(ctx)
	}
	<-ctx.Done()
	return nil
}

// sees reports from the test's goroutine.
func (s *scripted) sees(all ...discovery.Sighting) {
	for _, one := range all {
		s.sight(one)
	}
}

// runs returns how long after the first each Run has begun.
func (s *scripted) runs() (after []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.began {
		after = append(after, at.Sub(s.began[0]))
	}
	return after
}

// changes returns Self.Changed of the latest Run.
func (s *scripted) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.self.Changed
}

// running says how many Runs have not returned.
func (s *scripted) running() int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// seconds makes durations of numbers.
func seconds(n ...int) (d []time.Duration) {
	for _, n := range n {
		d = append(d, time.Duration(n)*time.Second)
	}
	return d
}
