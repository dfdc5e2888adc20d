package peers

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Commands from the node. The node also passes on, unchanged: trust.Change, the first of which are
// the peers that are trusted already; finder.Change; netwatch.Change; and session.Proved of a session that a peer
// initiated.
type (
	// Connect dials now, whatever was tried before. Done has room for one error, and gets nil once the peer is up. It
	// gets nothing if the node ends first.
	Connect struct {
		Key   identity.PublicKey
		Addrs []string // "host:port", besides those that are known; they are kept
		Once  bool     // they are not kept
		Done  chan<- error
	}

	// Wake dials a peer whose last session ended unused. For any other peer it changes nothing.
	Wake struct{ Key identity.PublicKey }

	// Stop says goodbye to every peer and dials no more. Stopped follows once no session is left.
	Stop struct{}
)

// Events to the node. Of one key, Up and Down alternate.
type (
	// Up says that the first session to a peer is up.
	Up struct {
		Key  identity.PublicKey
		Addr netip.AddrPort
		Role handshake.Role
		Name string // the peer's own word
	}

	// Down says that the last session to a peer has ended or is about to, or that the peer is not trusted any more.
	Down struct {
		Key    identity.PublicKey
		Addr   netip.AddrPort
		Reason envelope.Reason
		Text   string
		ByPeer bool
		Err    error
	}

	// Conflict says that two nodes use the same key at the same time: a peer's key, from the two addresses; or,
	// if By is set, this node's own, as the peer By at Newer says (wire.md §7.4).
	Conflict struct {
		Key          identity.PublicKey // in use twice
		Older, Newer netip.AddrPort
		By           identity.PublicKey
	}

	// Stopped says that after Stop no session is left.
	Stopped struct{}
)

// From the table to a peer, besides what the table passes on as it is.
type (
	connect struct {
		addrs  []string
		once   bool
		waiter *waiter
	}
	leave struct{ goodbye envelope.Reason } // the key is not trusted any more, or the node stops
)

// roomFreed goes from a peer to the table, and from there to every peer: a session has ended, so there may be room for
// another one.
type roomFreed struct{}

// From a peer's own goroutines and timers, and from itself.
type (
	dialled   struct{ dial *dial }
	lookedUp  struct{ lookup *lookup }
	staggered struct{ latest *dial } // Stagger has passed since then
	timerDue  struct{ at time.Time }

	// handshakeSlow says that a handshake of a round has had its time. With a reservation, it is the handshake that holds it.
	handshakeSlow struct {
		round       *round
		reservation *reservation
	}

	// dialAllowed says that a round may begin another dial.
	dialAllowed struct{ round *round }

	// turnCame says that a peer that waited holds the place now. placeWanted says that a dial has had its time there: it
	// makes room if another peer waits.
	turnCame    struct{ place *place }
	placeWanted struct{ place *place }

	// childStopped is sent when a session's actor has stopped, or a peer's. The receiver of Terminated sends it to
	// itself: Terminated overtakes the last messages of that actor, and this follows them.
	childStopped struct{ who *actor.PID }
)

func (staggered) IgnoreDeadLetterLogging()     {}
func (dialled) IgnoreDeadLetterLogging()       {}
func (lookedUp) IgnoreDeadLetterLogging()      {}
func (timerDue) IgnoreDeadLetterLogging()      {}
func (childStopped) IgnoreDeadLetterLogging()  {}
func (handshakeSlow) IgnoreDeadLetterLogging() {}
func (dialAllowed) IgnoreDeadLetterLogging()   {}
func (turnCame) IgnoreDeadLetterLogging()      {}
func (placeWanted) IgnoreDeadLetterLogging()   {}

// A waiter is a Connect that waits for its answer. The peer's actor answers it, or the table if that actor fails.
type waiter struct {
	done     chan<- error
	answered atomic.Bool
}

// answer answers the Connect, unless it is answered already.
func (w *waiter) answer(err error) {
	if !w.answered.Swap(true) {
		w.done <- err // has room for one
	}
}
