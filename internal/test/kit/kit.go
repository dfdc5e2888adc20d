// Package kit is what tests of the actors have in common: keys, an actor system inside a synctest bubble, a peer that is
// played by hand, a clock that counts its timers, and logs that can be read or that fail the test. It is for tests of this
// module alone.
package kit

import (
	"log/slog"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
)

// KeyPair returns the key pair whose private half counts up from first.
func KeyPair(first byte) identity.KeyPair {
	var b [identity.PrivateKeySize]byte
	for i := range b {
		b[i] = first + byte(i)
	}
	k, err := identity.NewKeyPair(b[:])
	if err != nil {
		panic(err)
	}
	return k
}

// Parked is how many goroutines the pool of Actors keeps.
const Parked = 8

// Actors is an actor system of its own, for one synctest bubble, with the pool that its actors run on.
type Actors struct {
	System *actor.ActorSystem
	Pool   *actorkit.Pool
}

// NewActors returns a system without actors, which logs nothing.
func NewActors() *Actors {
	quiet := slog.New(slog.DiscardHandler)
	return &Actors{
		System: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
			actor.WithDeadLetterThrottleInterval(time.Millisecond)), // its goroutine outlives a dead letter by that
		Pool: actorkit.NewPool(Parked),
	}
}

// Close ends the system, whose actors have been told to stop, and returns once no goroutine of it is left.
func (a *Actors) Close() {
	synctest.Wait()
	a.Pool.Close()
	a.System.Shutdown()
	time.Sleep(2 * time.Second) // the library looks at dead letters for a second
	synctest.Wait()
}
