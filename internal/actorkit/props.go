package actorkit

import (
	"log/slog"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// stopFailed stops a child that panicked. The library's own default restarts it, ten times in ten seconds.
var stopFailed = actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective })

// Props describes a child actor that runs on pool. Its failed children are stopped. Its panics are logged with their
// stack before the library recovers them.
func Props(pool *Pool, log *slog.Logger, produce func() actor.Actor) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return &panicLogger{produce(), log} },
		actor.WithDispatcher(pool), actor.WithSupervisor(stopFailed))
}

// RootProps is Props for an actor without a parent; it is stopped too when it fails.
func RootProps(pool *Pool, log *slog.Logger, produce func() actor.Actor) *actor.Props {
	return Props(pool, log, produce).Configure(actor.WithGuardian(stopFailed))
}

// A panicLogger logs a panic of the actor inside it, and panics again. It does not panic again while the actor is
// stopping: the library would never stop the actor then.
type panicLogger struct {
	actor.Actor
	log *slog.Logger
}

func (w *panicLogger) Receive(ctx actor.Context) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("actor panicked", "actor", ctx.Self().GetId(), "panic", r, "stack", string(debug.Stack()))
			switch ctx.Message().(type) {
			case *actor.Stopping, *actor.Stopped:
			default:
				panic(r)
			}
		}
	}()
	w.Actor.Receive(ctx)
}
