package actorkit

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// NewSystem returns an actor system that logs to log. The library's Info lines are logged at Debug: they help only to
// debug actors. At most three dead letters are logged in each period of throttle. After a dead letter, a goroutine of
// the library lives that long, even if the system has been shut down.
func NewSystem(log *slog.Logger, throttle time.Duration) *actor.ActorSystem {
	quiet := slog.New(demoter{log.Handler()})
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterThrottleInterval(throttle))
	shrinkRegistry(system.ProcessRegistry)
	return system
}

// registryBuckets is how many buckets a system's registry of actors keeps, of 32 maps each. It divides the library's 1024.
const registryBuckets = 4

// shrinkRegistry drops most buckets of the registry of a system that has no actors yet. The library makes 32,768 maps: 2.8 MB,
// which each collection of garbage would have to walk for as long as the node runs.
func shrinkRegistry(r *actor.ProcessRegistryValue) {
	all := r.LocalPIDs
	r.LocalPIDs = &actor.SliceMap{LocalPIDs: slices.Clone(all.LocalPIDs[:registryBuckets])}
	for _, id := range []string{"deadletter", "eventstream"} { // the library's own
		if process, ok := all.GetBucket(id).Get(id); ok {
			r.Add(process.(actor.Process), id)
		}
	}
}

// A demoter turns Info records into Debug records.
type demoter struct{ slog.Handler }

func (d demoter) Enabled(ctx context.Context, l slog.Level) bool {
	return d.Handler.Enabled(ctx, demoted(l))
}

func (d demoter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demoted(r.Level)
	return d.Handler.Handle(ctx, r)
}

func (d demoter) WithAttrs(a []slog.Attr) slog.Handler { return demoter{d.Handler.WithAttrs(a)} }
func (d demoter) WithGroup(name string) slog.Handler   { return demoter{d.Handler.WithGroup(name)} }

func demoted(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}
