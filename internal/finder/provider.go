package finder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// maxAhead bounds the sightings of one provider that the finder has not looked at. More are dropped: true ones are
// announced again.
const maxAhead = 1024

// A provider that fails runs again after a pause, which doubles from firstPause to maxPause. A provider that has run for
// longer than maxPause is forgiven.
const (
	firstPause = 5 * time.Second
	maxPause   = time.Minute
)

// maxReasons bounds the reasons that are logged as warnings until a provider is forgiven: one may fail for a new reason each
// time. Later reasons are logged at Debug.
const maxReasons = 8

// maxProblems bounds how many problems of a provider are kept, and problemsTold how many of them are told.
const maxProblems = 64

// looking is what a provider that has failed cannot do, in its Problem.
const looking = "look for peers"

var problemsTold = limiter.Rate{Burst: maxProblems, Every: time.Second}

// stopWithin is how long a provider may take to stop. The finder does not wait longer, so that no provider can hold up the
// end of the node.
const stopWithin = 5 * time.Second

var errEnded = errors.New("it stopped by itself")

// A provider is the actor that runs one discovery provider, and runs it again when it fails.
type provider struct {
	discovery.Provider
	config *Config
	name   string
	status discovery.Status // guarded by the Board, but for the Counts, which are asked for
	post   func(any)        // to the finder

	cancel context.CancelFunc
	ended  chan struct{} // closed when the provider has run for the last time

	changed chan struct{}  // Self.Changed of each Run, with room for one
	told    limiter.Bucket // of Problems; guarded by the Board
	ahead   atomic.Int64   // sightings that the finder has not looked at
	dropped atomic.Uint64  // sightings since the finder last looked
}

// Receive implements actor.Actor.
func (p *provider) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		p.name = p.Name()
		p.show(func(s *discovery.Status) { s.Name, s.State = p.name, discovery.Running })
		run, cancel := context.WithCancel(context.Background())
		p.cancel, p.ended = cancel, make(chan struct{})
		system, parent := ctx.ActorSystem(), ctx.Parent()
		p.post = func(m any) { system.Root.Send(parent, m) }
		go func() {
			defer close(p.ended)
			p.keepRunning(run)
			p.show(func(s *discovery.Status) { s.State, s.Err, s.Next = discovery.Ended, nil, time.Time{} })
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
	if !p.wait(stopWithin, p.ended, nil) {
		p.config.Log.Error("discovery does not stop; it is left to itself", "provider", p.name, "after", stopWithin)
	}
}

// wait waits for one of two channels, but not longer than d; false: d has passed.
func (p *provider) wait(d time.Duration, one, other <-chan struct{}) bool {
	passed := make(chan struct{})
	defer p.config.Clock.AfterFunc(d, func() { close(passed) })()
	select {
	case <-one:
	case <-other:
	case <-passed:
		return false
	}
	return true
}

// keepRunning runs the provider until ctx ends.
func (p *provider) keepRunning(ctx context.Context) {
	var reasons []string // that were logged since the provider was last forgiven
	pause := firstPause
	for ctx.Err() == nil {
		p.show(func(s *discovery.Status) { s.State, s.Next = discovery.Running, time.Time{} })
		ended := make(chan struct{})
		err := errEnded // before ended is closed
		go func() {
			defer close(ended)
			err = p.runOnce(ctx)
		}()
		if !p.wait(maxPause, ended, nil) {
			pause, reasons = firstPause, nil
			p.forgive()
			<-ended
		}
		if ctx.Err() != nil {
			return
		}
		p.post(failed{p})
		now := p.config.Clock.Now()
		var last error
		p.show(func(s *discovery.Status) { last, s.State, s.Err, s.Next = s.Err, discovery.Failed, err, now.Add(pause) })
		if last == nil || last.Error() != err.Error() {
			p.tell(discovery.Failed, discovery.Problem{Doing: looking, Err: err, Since: now})
		}
		level := slog.LevelDebug
		if text := err.Error(); len(reasons) < maxReasons && !slices.Contains(reasons, text) {
			reasons, level = append(reasons, text), slog.LevelWarn
		}
		p.config.Log.Log(ctx, level, "discovery does not work; it will be tried again", "provider", p.name, "err", err, "after", pause)
		p.wait(pause, p.changed, ctx.Done())
		pause = min(maxPause, 2*pause)
	}
}

// show changes what the Board says that the provider is doing from now on.
func (p *provider) show(change func(*discovery.Status)) {
	p.config.Board.update(func() {
		s := &p.status
		s.Since = p.config.Clock.Now()
		change(s)
		if s.State != discovery.Failed { // else they say more about why
			s.Problems = nil
		}
	})
}

// impair puts on the Board what the provider cannot do while it runs, and tells what has changed.
func (p *provider) impair(list []discovery.Problem) {
	list = slices.Clone(list[:min(len(list), maxProblems)])
	state := discovery.Running
	if len(list) > 0 {
		state = discovery.Impaired
	}
	var was []discovery.Problem
	p.config.Board.update(func() { was, p.status.Problems, p.status.State = p.status.Problems, list, state })
	isIn := func(list []discovery.Problem, o discovery.Problem) bool {
		return slices.ContainsFunc(list, func(l discovery.Problem) bool { return l.Interface == o.Interface && l.Doing == o.Doing })
	}
	for _, o := range was {
		if !isIn(list, o) {
			o.Err = nil
			p.tell(state, o)
		}
	}
	for _, o := range list {
		if !isIn(was, o) && p.tell(state, o) {
			p.config.Log.Warn("discovery is impaired", "provider", p.name, "problem", o)
		}
	}
}

// tell tells what the provider cannot do any more, or can do again. It reports false if too much was told lately.
func (p *provider) tell(state discovery.State, o discovery.Problem) (ok bool) {
	p.config.Board.update(func() { ok = p.told.Take(p.config.Clock.Now(), problemsTold) })
	if ok {
		p.config.Tell(Problem{p.name, state, o})
	}
	return ok
}

// forgive forgets on the Board why the provider failed before.
func (p *provider) forgive() {
	var was error
	var state discovery.State
	p.config.Board.update(func() { was, state, p.status.Err = p.status.Err, p.status.State, nil })
	if was != nil {
		p.tell(state, discovery.Problem{Doing: looking})
		p.config.Log.Info("discovery works again", "provider", p.name)
	}
}

// runOnce runs the provider, and returns why it has ended: a panic, or the end of its goroutine, ends nothing else.
func (p *provider) runOnce(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.config.Log.Error("discovery provider panicked", "provider", p.name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	self := p.config.Self
	self.Changed, self.Problems = p.changed, p.impair
	return cmp.Or(p.Run(ctx, self, p.report), errEnded)
}

// report posts a sighting, with its provider, or drops it. Any goroutine of the provider may call it. It does not block.
func (p *provider) report(s discovery.Sighting) {
	if p.ahead.Add(1) > maxAhead {
		p.ahead.Add(-1)
		p.dropped.Add(1)
		return
	}
	p.post(sighted{p, s})
}
