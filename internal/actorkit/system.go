package actorkit

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// NewSystem returns an actor system that logs to log. The library's Info lines are logged at Debug: they help only to
// debug actors. At most three dead letters are logged in each period of throttle. After a dead letter, a goroutine of
// the library lives that long, even if the system has been shut down.
func NewSystem(log *slog.Logger, throttle time.Duration) *actor.ActorSystem {
	quiet := slog.New(demoter{log.Handler()})
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterThrottleInterval(throttle))
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
