package actorkit

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// NewSystem returns an actor system that logs to log, with the library's Info lines at Debug: they are of interest to
// those who debug actors. Of dead letters at most three are logged in each period of throttle. A goroutine of the
// library's lives that long after one, also when the system has been shut down.
func NewSystem(log *slog.Logger, throttle time.Duration) *actor.ActorSystem {
	quiet := slog.New(demote{log.Handler()})
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterThrottleInterval(throttle))
}

// demote makes Info records Debug ones.
type demote struct{ slog.Handler }

func (d demote) Enabled(ctx context.Context, l slog.Level) bool {
	return d.Handler.Enabled(ctx, demoted(l))
}

func (d demote) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demoted(r.Level)
	return d.Handler.Handle(ctx, r)
}

func (d demote) WithAttrs(a []slog.Attr) slog.Handler { return demote{d.Handler.WithAttrs(a)} }
func (d demote) WithGroup(name string) slog.Handler   { return demote{d.Handler.WithGroup(name)} }

func demoted(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}
