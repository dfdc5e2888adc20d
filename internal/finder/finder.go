package finder

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// A Config is what the finder needs; every field is required.
type Config struct {
	Self      discovery.Self // Changed is set here, for each Run
	Providers []discovery.Provider
	Board     *Board // of this finder alone
	Trusted   func(identity.PublicKey) bool
	Clock     clock.Clock
	Log       *slog.Logger
	Pool      *actorkit.Pool

	// Tell hands a Change, a Problem or Stopped to the node. It does not block. Several goroutines call it.
	Tell func(any)

	// TellPeers hands a Change to the table of peers, once Tell has it: so Found precedes the Up that it leads to.
	TellPeers func(Change)
}

// expireEvery is the least time between two searches of the table for sightings that have expired. It bounds the cost of a
// flood of sightings that all expire at different moments. An expiry may be told later by this time.
const expireEvery = 100 * time.Millisecond

// sleptIfLate is how late a search must be to show that the machine was asleep. Then no provider could hear anything, and
// all presences would expire at once.
const sleptIfLate = 5 * time.Second

// Props describes the finder's actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor { return &finder{Config: c, warnings: limiter.Lines{Most: 1}} })
}

// A finder is the actor above the providers' actors. It alone writes the table on its Board.
//
//	running --Stop--> stopping --last provider gone: Stopped--> stopped
//
// After Stop it tells no changes. Only Receive touches its fields.
type finder struct {
	*Config
	stopping bool

	due     time.Time // when expireDue comes; zero: no timer runs
	stopDue func() bool

	warnings limiter.Lines
}

// Receive implements actor.Actor.
func (f *finder) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, p := range f.Providers {
			child := &provider{Provider: p, config: f.Config, changed: make(chan struct{}, 1)}
			f.Board.update(func() { f.Board.providers = append(f.Board.providers, child) })
			ctx.Spawn(actorkit.Props(f.Pool, f.Log, func() actor.Actor { return child }))
		}
	case *actor.Stopping:
		f.clear()
	case sighted:
		f.sighted(ctx, m)
	case failed:
		f.change(ctx, func(t *table, now time.Time) []Change { return t.withdraw(now, m.from.name) })
	case expireDue:
		f.expire(ctx)
	case Trusted:
		f.change(ctx, func(t *table, _ time.Time) []Change { return t.trust(m.Key) })
	case Connected:
		f.change(ctx, func(t *table, now time.Time) []Change { t.connect(now, m.Key, m.Home, m.Addr); return nil })
	case Disconnected:
		f.change(ctx, func(t *table, now time.Time) []Change { t.disconnect(now, m); return nil })
	case Moved:
		f.change(ctx, func(t *table, now time.Time) []Change { t.renew(now); return nil })
		f.tellProviders()
	case Listens:
		f.tellProviders()
	case Stop:
		if f.stopping {
			return
		}
		f.stopping = true
		f.clear()
		for _, child := range ctx.Children() {
			ctx.Stop(child)
		}
		f.tellStopped(ctx)
	case *actor.Terminated:
		f.tellStopped(ctx)
	}
}

// tellProviders tells the providers that it is time to look at the interfaces and to announce.
func (f *finder) tellProviders() {
	for _, p := range f.Board.providers {
		select {
		case p.changed <- struct{}{}:
		default: // a change is waiting already
		}
	}
}

// sighted enters what a provider saw in the presence table.
func (f *finder) sighted(ctx actor.Context, m sighted) {
	m.from.ahead.Add(-1)
	dropped := m.from.dropped.Swap(0)
	isOwn := m.Key == f.Self.Key
	// Trusted is not asked while the Board is locked.
	untrusted := !isOwn && f.Board.table.keys[m.Key] == nil && !f.Trusted(m.Key)
	f.change(ctx, func(t *table, now time.Time) (changes []Change) {
		room := true
		if !isOwn {
			changes, room = t.see(now, m.from.name, m.Sighting, untrusted)
		}
		if !room {
			dropped++
		}
		s := &m.from.status
		s.Sightings, s.Heard, s.Dropped = s.Sightings+1, now, s.Dropped+dropped
		return changes
	})
	f.logDropped(dropped)
}

// change changes the table, tells the changes, and sets the timer for the next expiry.
func (f *finder) change(ctx actor.Context, do func(t *table, now time.Time) []Change) {
	if f.stopping {
		return
	}
	now := f.Clock.Now()
	var changes []Change
	f.Board.update(func() { changes = do(f.Board.table, now) })
	for _, c := range changes {
		f.Tell(c)
		f.TellPeers(c)
	}
	f.setTimer(ctx, now)
}

// expire ends what was not heard of in time.
func (f *finder) expire(ctx actor.Context) {
	due := f.due
	f.due = time.Time{}
	f.change(ctx, func(t *table, now time.Time) []Change {
		if now.Sub(due) > sleptIfLate {
			t.renew(now)
		}
		return t.expire(now)
	})
}

// setTimer sets the timer to when the table has to be searched.
func (f *finder) setTimer(ctx actor.Context, now time.Time) {
	next := f.Board.table.next
	if next.IsZero() {
		return
	}
	if soonest := now.Add(expireEvery); next.Before(soonest) {
		next = soonest
	}
	if !f.due.IsZero() && !next.Before(f.due) {
		return
	}
	if f.stopDue != nil {
		f.stopDue()
	}
	f.due = next
	system, self := ctx.ActorSystem(), ctx.Self()
	f.stopDue = f.Clock.AfterFunc(next.Sub(now), func() { system.Root.Send(self, expireDue{}) })
}

// logDropped logs that n sightings were dropped, at most once in limiter.Period.
func (f *finder) logDropped(n uint64) {
	if n == 0 {
		return
	}
	rest := func(dropped uint64) {
		f.Log.Warn("sightings dropped since the last line about them", "dropped", dropped)
	}
	if ok, before := f.warnings.Allow(f.Clock, n, rest); ok {
		f.Log.Warn("sightings dropped: too many at once, too many addresses of a key, or too many keys that are not trusted", "dropped", n+before)
	}
}

// clear empties the table and reports no Lost.
func (f *finder) clear() {
	f.warnings.Flush()
	f.Board.update(func() { f.Board.table = newTable() })
	if f.stopDue != nil {
		f.stopDue()
	}
}

// tellStopped tells that the last provider has stopped, if the finder is to stop.
func (f *finder) tellStopped(ctx actor.Context) {
	if f.stopping && len(ctx.Children()) == 0 {
		f.Tell(Stopped{})
	}
}
