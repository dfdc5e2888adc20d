package finder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
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

	// Tell hands a Change to the node. It does not block.
	Tell func(any)
}

// Commands from the node.
type (
	// Trusted asks for what is known of a key that is trusted from now on: it is told as Found again.
	Trusted struct{ Key identity.PublicKey }

	// Stop ends the providers, which say goodbye. Stopped follows.
	Stop struct{}
)

// Stopped says that after Stop no provider runs.
type Stopped struct{}

// maxAhead bounds the sightings that are reported and not yet looked at. More are dropped: what is true is
// announced again.
const maxAhead = 1024

// A provider that fails is started again after a pause that doubles between these.
const (
	firstPause = 5 * time.Second
	maxPause   = time.Minute
)

// From the providers' actors.
type (
	sighted struct {
		source string
		discovery.Sighting
	}
)

type expireDue struct{}

func (sighted) IgnoreDeadLetterLogging()   {}
func (expireDue) IgnoreDeadLetterLogging() {}

// Props describes the finder's actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor { return &finder{Config: c, table: newTable(c.Trusted)} })
}

// A finder is the actor above the providers' actors.
type finder struct {
	*Config
	table    *table
	ahead    atomic.Int64
	dropped  atomic.Uint64
	running  int
	stopping bool
	stopDue  func() bool
	due      time.Time
}

// Receive implements actor.Actor.
func (f *finder) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		for _, p := range f.Providers {
			f.running++
			ctx.Spawn(actorkit.Props(f.Pool, f.Log, func() actor.Actor { return &provider{finder: f, Provider: p} }))
		}
	case *actor.Stopping:
		if f.stopDue != nil {
			f.stopDue()
		}
	case sighted:
		f.ahead.Add(-1)
		if m.Key == f.Self.Key || f.stopping {
			return
		}
		now := f.Clock.Now()
		f.tell(f.table.see(now, m.source, m.Sighting))
		if m.TTL > 0 {
			f.watch(ctx, now.Add(m.TTL))
		}
	case expireDue:
		f.due = time.Time{}
		changes, next := f.table.expire(f.Clock.Now())
		f.tell(changes)
		f.watch(ctx, next)
	case Trusted:
		for _, p := range f.table.known(m.Key) {
			f.Tell(Change{Presence: p, Kind: Found})
		}
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

func (f *finder) tell(changes []Change) {
	for _, c := range changes {
		f.Tell(c)
	}
}

// watch makes sure that expiries are looked for at next, unless that is zero.
func (f *finder) watch(ctx actor.Context, next time.Time) {
	if next.IsZero() || !f.due.IsZero() && !next.Before(f.due) {
		return
	}
	if f.stopDue != nil {
		f.stopDue()
	}
	f.due = next
	system, self := ctx.ActorSystem(), ctx.Self()
	f.stopDue = f.Clock.AfterFunc(next.Sub(f.Clock.Now()), func() { system.Root.Send(self, expireDue{}) })
}

func (f *finder) settle() {
	if f.stopping && f.running == 0 {
		f.running = -1 // once
		f.Tell(Stopped{})
	}
}

// A provider is the actor that runs one discovery provider, and runs it again when it fails.
type provider struct {
	discovery.Provider
	finder *finder // its parent; only what is safe for concurrent use is touched
	cancel context.CancelFunc
	join   sync.WaitGroup
}

// Receive implements actor.Actor.
func (p *provider) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		run, cancel := context.WithCancel(context.Background())
		p.cancel = cancel
		system, parent := ctx.ActorSystem(), ctx.Parent()
		p.join.Add(1)
		go func() {
			defer p.join.Done()
			p.keepRunning(run, func(m any) { system.Root.Send(parent, m) })
		}()
	case *actor.Stopping:
		p.cancel()
		p.join.Wait()
	}
}

// keepRunning runs the provider until ctx ends.
func (p *provider) keepRunning(ctx context.Context, post func(any)) {
	for pause := firstPause; ; pause = min(maxPause, 2*pause) {
		err := p.runOnce(ctx, post)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it stopped by itself")
		}
		p.finder.Log.Warn("discovery does not work; it will be tried again", "provider", p.Name(), "err", err, "after", pause)
		again := make(chan struct{})
		cancel := p.finder.Clock.AfterFunc(pause, func() { close(again) })
		select {
		case <-again:
		case <-ctx.Done():
			cancel()
			return
		}
	}
}

// runOnce contains a panic of the provider.
func (p *provider) runOnce(ctx context.Context, post func(any)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.finder.Log.Error("discovery provider panicked", "provider", p.Name(), "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	source := p.Name()
	return p.Run(ctx, p.finder.Self, func(s discovery.Sighting) {
		if p.finder.ahead.Add(1) > maxAhead {
			p.finder.ahead.Add(-1)
			p.finder.dropped.Add(1)
			return
		}
		post(sighted{source, s})
	})
}
