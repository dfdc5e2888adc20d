package actorkit

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// TestSystemLogsInfoAtDebug shows that the library's Info lines are logged at Debug, and its warnings as warnings.
func TestSystemLogsInfoAtDebug(t *testing.T) {
	var out bytes.Buffer
	levels := new(slog.LevelVar)
	system := NewSystem(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: levels})), time.Millisecond)
	defer system.Shutdown()
	out.Reset()
	log := system.Logger().With("a", 1).WithGroup("g")
	log.Info("hidden")
	log.Warn("shown")
	levels.Set(slog.LevelDebug)
	log.Info("demoted")
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != 2 || !strings.Contains(got[0], "level=WARN msg=shown a=1") || !strings.Contains(got[1], "level=DEBUG msg=demoted a=1") {
		t.Errorf("logged %q", got)
	}
}

// TestSystemFindsItsActors has more actors than its registry has maps, and the library's own.
func TestSystemFindsItsActors(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	system := NewSystem(quiet, time.Millisecond)
	defer system.Shutdown()
	pool := NewPool(1)
	defer pool.Close()
	ids := []string{"deadletter", "eventstream"}
	stopped := make(chan struct{}, 1000)
	props := RootProps(pool, quiet, func() actor.Actor {
		return actorFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Stopped); ok {
				stopped <- struct{}{}
			}
		})
	})
	for i := range cap(stopped) {
		pid, err := system.Root.SpawnNamed(props, fmt.Sprint("actor", i))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, pid.GetId())
	}
	library := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	defer library.Shutdown()
	entries := 0
	for _, bucket := range library.ProcessRegistry.LocalPIDs.LocalPIDs {
		entries += bucket.Count()
	}
	if entries != 2 {
		t.Errorf("the library registers %d processes of its own, two of them are kept", entries)
	}
	for _, id := range ids {
		if _, ok := system.ProcessRegistry.GetLocal(id); !ok {
			t.Errorf("%s is not found", id)
		}
	}
	for _, id := range ids[2:] {
		system.Root.Stop(actor.NewPID(system.Address(), id))
		<-stopped
	}
}

type actorFunc func(actor.Context)

func (f actorFunc) Receive(ctx actor.Context) { f(ctx) }
