package kit

import (
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
)

// A recorder takes what would fail a test.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Error(...any) { r.errors++ }

func TestAlarmFailsTheTestForErrorsAlone(t *testing.T) {
	r := &recorder{TB: t}
	l := NewAlarm(r)
	with := l.Logger().With("node", "a")
	with.Info("started")
	with.Warn("full")
	if r.errors != 0 || l.Warnings() != 1 {
		t.Errorf("%d errors, %d warnings, want 0 and 1", r.errors, l.Warnings())
	}
	with.Error("broken")
	if r.errors != 1 || len(l.Lines("broken", "node=a")) != 1 || len(l.Lines("node=b")) != 0 {
		t.Errorf("%d errors, lines %q", r.errors, l.Lines())
	}
}

func TestActorsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		a := NewActors()
		log := NewAlarm(t).Logger()
		got := make(chan any, 1)
		pid := a.System.Root.Spawn(actorkit.RootProps(a.Pool, log, func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if m, ok := ctx.Message().(string); ok {
					got <- m
				}
			})
		}))
		a.System.Root.Send(pid, "hello")
		if m := <-got; m != "hello" {
			t.Errorf("got %v", m)
		}
		a.System.Root.Stop(pid)
		synctest.Wait()
		a.System.Root.Send(pid, "to nobody")
		a.Close()
		goleak.VerifyNone(t, before)
	})
}

func TestKeyPairsRepeat(t *testing.T) {
	one, again, two := KeyPair(1).PublicKey(), KeyPair(1).PublicKey(), KeyPair(2).PublicKey()
	if one != again || one == two {
		t.Error("a number is one key pair, another number another")
	}
}
