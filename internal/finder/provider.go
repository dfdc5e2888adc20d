package finder

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// maxAhead bounds the sightings of one provider that are reported and not yet looked at. More are dropped: what is
// true is announced again.
const maxAhead = 1024

// A provider that fails is started again after a pause that doubles between these, and is forgiven once it has run
// for longer than the longest.
const (
	firstPause = 5 * time.Second
	maxPause   = time.Minute
)

// stopWithin is how long a provider may take to stop. One that takes longer is left to itself, so that it cannot hold
// up the end of the node.
const stopWithin = 5 * time.Second

var errEnded = errors.New("it stopped by itself")

// A provider is the actor that runs one discovery provider, and runs it again when it fails.
type provider struct {
	discovery.Provider
	config *Config
	name   string

	cancel context.CancelFunc
	ended  chan struct{} // closed when the provider does not run and will not again

	ahead   atomic.Int64  // sightings that the finder has not looked at
	dropped atomic.Uint64 // sightings since it last looked
}

// Receive implements actor.Actor.
func (p *provider) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		p.name = p.Name()
		run, cancel := context.WithCancel(context.Background())
		p.cancel, p.ended = cancel, make(chan struct{})
		system, parent := ctx.ActorSystem(), ctx.Parent()
		go func() {
			defer close(p.ended)
			p.keepRunning(run, func(m any) { system.Root.Send(parent, m) })
		}()
	case *actor.Stopping:
		if p.cancel != nil {
			p.stop()
		}
	}
}

// stop ends the provider and waits for it.
func (p *provider) stop() {
	p.cancel()
	late := make(chan struct{})
	defer p.config.Clock.AfterFunc(stopWithin, func() { close(late) })()
	select {
	case <-p.ended:
	case <-late:
		p.config.Log.Error("discovery does not stop; it is left to itself", "provider", p.name, "after", stopWithin)
	}
}

// keepRunning runs the provider until ctx ends.
func (p *provider) keepRunning(ctx context.Context, post func(any)) {
	pause := firstPause
	for {
		began := p.config.Clock.Now()
		err := p.runOnce(ctx, post)
		if ctx.Err() != nil {
			return
		}
		post(failed{p})
		if p.config.Clock.Now().Sub(began) > maxPause {
			pause = firstPause
		}
		p.config.Log.Warn("discovery does not work; it will be tried again", "provider", p.name, "err", err, "after", pause)
		again := make(chan struct{})
		stop := p.config.Clock.AfterFunc(pause, func() { close(again) })
		select {
		case <-again:
		case <-ctx.Done():
			stop()
			return
		}
		pause = min(maxPause, 2*pause)
	}
}

// runOnce runs the provider in a goroutine of its own, so that all it can break is that. It returns why the provider
// has ended.
func (p *provider) runOnce(ctx context.Context, post func(any)) error {
	ended := make(chan error, 1)
	go func() {
		err := errEnded
		defer func() {
			if r := recover(); r != nil {
				p.config.Log.Error("discovery provider panicked", "provider", p.name, "panic", r, "stack", string(debug.Stack()))
				err = fmt.Errorf("panic: %v", r)
			}
			ended <- err
		}()
		if e := p.Run(ctx, p.config.Self, func(s discovery.Sighting) { p.report(s, post) }); e != nil {
			err = e
		}
	}()
	return <-ended
}

// report posts a sighting, or drops it. It is called from any goroutine of the provider's, and does not block.
func (p *provider) report(s discovery.Sighting, post func(any)) {
	if p.ahead.Add(1) > maxAhead {
		p.ahead.Add(-1)
		p.dropped.Add(1)
		return
	}
	post(sighted{p, s})
}
