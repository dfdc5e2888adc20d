package finder

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A Config is what the finder needs; every field is required.
type Config struct {
	Self      discovery.Self
	Providers []discovery.Provider
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

// warnEvery is how often it is logged that there was no room.
const warnEvery = time.Minute

// Props describes the finder's actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor { return &finder{Config: c, table: newTable(c.Trusted)} })
}

// A finder is the actor above the providers' actors.
//
//	running --Stop--> stopping --last provider gone: Stopped--> stopped
//
// From Stop on it tells no changes. Only Receive touches its fields.
type finder struct {
	*Config
	table    *table
	running  int // providers' actors
	stopping bool
	stopped  bool // and told so

	due     time.Time // when expireDue comes; zero: it does not
	stopDue func() bool

	noRoom uint64    // sightings dropped by providers' bounds
	warned time.Time // of these and those that the table refused
	told   uint64    // how many of them
}

// Receive implements actor.Actor.
func (f *finder) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, p := range f.Providers {
			f.running++
			ctx.Spawn(actorkit.Props(f.Pool, f.Log, func() actor.Actor { return &provider{Provider: p, config: f.Config} }))
		}
	case *actor.Stopping:
		if f.stopDue != nil {
			f.stopDue()
		}
	case sighted:
		f.sighted(ctx, m)
	case failed:
		f.tell(f.table.withdraw(m.from.name))
	case expireDue:
		f.due = time.Time{}
		changes, next := f.table.expire(f.Clock.Now())
		f.tell(changes)
		f.watch(ctx, next)
	case Trusted:
		f.tell(f.table.trust(m.Key))
	case Stop:
		f.stopping = true
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
	f.noRoom += m.from.dropped.Swap(0)
	if m.Key == f.Self.Key {
		return
	}
	now := f.Clock.Now()
	f.tell(f.table.see(now, m.from.name, m.Sighting))
	if m.TTL > 0 {
		f.watch(ctx, now.Add(m.TTL))
	}
	f.warn(now)
}

func (f *finder) tell(changes []Change) {
	if f.stopping {
		return
	}
	for _, c := range changes {
		f.Tell(c)
	}
}

// watch makes sure that expiries are looked for at next, unless that is zero.
func (f *finder) watch(ctx actor.Context, next time.Time) {
	if next.IsZero() || !f.due.IsZero() && !next.Before(f.due) {
		return
	}
	now := f.Clock.Now()
	if soonest := now.Add(expireEvery); next.Before(soonest) {
		next = soonest
	}
	if f.stopDue != nil {
		f.stopDue()
	}
	f.due = next
	system, self := ctx.ActorSystem(), ctx.Self()
	f.stopDue = f.Clock.AfterFunc(next.Sub(now), func() { system.Root.Send(self, expireDue{}) })
}

// warn logs, now and then, what there was no room for.
func (f *finder) warn(now time.Time) {
	n := f.noRoom + f.table.refused
	if n == f.told || !f.warned.IsZero() && now.Sub(f.warned) < warnEvery {
		return
	}
	f.Log.Warn("sightings dropped: too many at once, or too many keys that are not trusted", "dropped", n-f.told)
	f.told, f.warned = n, now
}

// settle tells that the last provider has gone.
func (f *finder) settle() {
	if f.stopping && !f.stopped && f.running == 0 {
		f.stopped = true
		f.Tell(Stopped{})
	}
}
