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

	// Tell hands a Change or Stopped to the node. It does not block.
	Tell func(any)
}

// expireEvery is how often at most the table is searched for what has expired, so that a flood of sightings that
// all expire at other moments costs no more. An expiry may be told so much late.
const expireEvery = 100 * time.Millisecond

// asleep is how late a search has to be to mean that the machine was asleep: then nobody could be heard, and what is
// over would be over for everybody at once.
const asleep = 5 * time.Second

// Props describes the finder's actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor { return &finder{Config: c, warnings: limiter.Lines{Most: 1}} })
}

// A finder is the actor above the providers' actors. It alone writes the table on its Board.
//
//	running --Stop--> stopping --last provider gone: Stopped--> stopped
//
// From Stop on it tells no changes. Only Receive touches its fields.
type finder struct {
	*Config
	running  int // providers' actors
	stopping bool
	stopped  bool // and told so

	due     time.Time // when expireDue comes; zero: it does not
	stopDue func() bool

	dropped  uint64 // sightings since the last warning, by providers' bounds and those of the table
	warnings limiter.Lines
}

// Receive implements actor.Actor.
func (f *finder) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, p := range f.Providers {
			f.running++
			status := &ProviderStatus{}
			f.Board.update(func() { f.Board.providers = append(f.Board.providers, status) })
			ctx.Spawn(actorkit.Props(f.Pool, f.Log, func() actor.Actor { return &provider{Provider: p, config: f.Config, status: status} }))
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
		f.change(ctx, func(t *table, now time.Time) []Change { t.disconnect(now, m.Key, m.Home); return nil })
	case Moved:
		f.change(ctx, func(t *table, now time.Time) []Change { t.renew(now); return nil })
		for _, child := range ctx.Children() {
			ctx.Send(child, m)
		}
	case Stop:
		f.stopping = true
		f.clear()
		for _, child := range ctx.Children() {
			ctx.Stop(child)
		}
		f.settle()
	case *actor.Terminated:
		f.running--
		f.settle()
	}
}

func (f *finder) sighted(ctx actor.Context, m sighted) {
	m.from.ahead.Add(-1)
	dropped := m.from.dropped.Swap(0)
	if m.Key != f.Self.Key && !f.stopping {
		// Not asked while the Board is locked.
		stranger := f.Board.table.keys[m.Key] == nil && !f.Trusted(m.Key)
		f.change(ctx, func(t *table, now time.Time) []Change {
			changes, room := t.see(now, m.from.name, m.Sighting, stranger)
			if !room {
				dropped++
			}
			return changes
		})
	}
	f.Board.update(func() {
		m.from.status.Sightings++
		m.from.status.Dropped += dropped
	})
	f.dropped += dropped
	f.warn()
}

// change does something to the table, tells what that changes, and makes sure that expiries are looked for in time.
func (f *finder) change(ctx actor.Context, do func(t *table, now time.Time) []Change) {
	if f.stopping {
		return
	}
	now := f.Clock.Now()
	var changes []Change
	f.Board.update(func() { changes = do(f.Board.table, now) })
	for _, c := range changes {
		f.Tell(c)
	}
	f.watch(ctx, now)
}

// expire looks for what is not heard of in time.
func (f *finder) expire(ctx actor.Context) {
	due := f.due
	f.due = time.Time{}
	f.change(ctx, func(t *table, now time.Time) []Change {
		if now.Sub(due) > asleep {
			t.renew(now)
		}
		return t.expire(now)
	})
}

// watch sets the timer to when the table has to be searched.
func (f *finder) watch(ctx actor.Context, now time.Time) {
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

// warn logs how many sightings were dropped, at most once in limiter.Period.
func (f *finder) warn() {
	if f.dropped == 0 {
		return
	}
	if ok, _ := f.warnings.Allow(f.Clock.Now()); ok {
		f.Log.Warn("sightings dropped: too many at once, too many addresses of a key, or too many keys that are not trusted", "dropped", f.dropped)
		f.dropped = 0
	}
}

// clear says that nobody is seen any more.
func (f *finder) clear() {
	f.Board.update(func() { f.Board.table = emptyTable() })
	if f.stopDue != nil {
		f.stopDue()
	}
}

// settle tells that the last provider has gone.
func (f *finder) settle() {
	if f.stopping && !f.stopped && f.running == 0 {
		f.stopped = true
		f.Tell(Stopped{})
	}
}
