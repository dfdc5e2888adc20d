package actorkit

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type runner func()

func (r runner) Run() { r() }

func TestPoolRunsEverythingAtOnce(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	const n = 100
	release := make(chan struct{})
	var started, done sync.WaitGroup
	started.Add(n)
	done.Add(n)
	for range n {
		p.Go(runner(func() {
			started.Done()
			<-release // never closed by a pool that queues work behind blocked work
			done.Done()
		}))
	}
	started.Wait()
	close(release)
	done.Wait()
}

func TestPoolParksNoMoreThanItsBound(t *testing.T) {
	p := NewPool(2)
	var done sync.WaitGroup
	done.Add(10)
	for range 10 {
		p.Go(runner(done.Done))
	}
	done.Wait()
	p.mu.Lock()
	parked := len(p.parked)
	p.mu.Unlock()
	if parked > 2 {
		t.Errorf("%d goroutines parked, want at most 2", parked)
	}
	p.Close()
	done.Add(1)
	p.Go(runner(done.Done)) // it still runs, and goleak checks that its goroutine is not parked
	done.Wait()
}

type fragile struct{ stopped chan struct{} }

func (f *fragile) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case string:
		panic("on purpose")
	case *actor.Stopped:
		close(f.stopped)
	}
}

func TestFailedActorIsLoggedWithItsStackAndStopped(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	var out bytes.Buffer
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	f := &fragile{stopped: make(chan struct{})}
	pid := system.Root.Spawn(RootProps(p, slog.New(slog.NewTextHandler(&out, nil)), func() actor.Actor { return f }))
	system.Root.Send(pid, "boom")
	<-f.stopped
	if s := out.String(); !strings.Contains(s, "on purpose") || !strings.Contains(s, "actorkit_test.go") {
		t.Errorf("log has no panic and stack: %q", s)
	}
}

type brittle struct{ stopped chan struct{} }

func (b *brittle) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Stopping:
		panic("while stopping")
	case *actor.Stopped:
		close(b.stopped)
	}
}

func TestActorThatFailsWhileStoppingStops(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	quiet := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer system.Shutdown()
	b := &brittle{make(chan struct{})}
	pid := system.Root.Spawn(RootProps(p, quiet, func() actor.Actor { return b }))
	system.Root.Stop(pid)
	<-b.stopped
}

func BenchmarkPool(b *testing.B) {
	p := NewPool(4)
	defer p.Close()
	done := make(chan struct{})
	r := runner(func() { done <- struct{}{} })
	b.ReportAllocs()
	for b.Loop() {
		p.Go(r)
		<-done
	}
}
