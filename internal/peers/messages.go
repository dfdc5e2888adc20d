package peers

import (
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Commands from the node.
type (
	// Trust tells of a change of the trust set. The first ones are the peers that are there already.
	Trust struct{ trust.Change }

	// Sighted says that a key was seen at an address, or is no longer (Gone).
	Sighted struct {
		Key    identity.PublicKey
		Addr   netip.AddrPort
		Source string
		Gone   bool
	}

	// Connect dials now, whatever was tried before. Done has room for one and gets nil once the peer is up.
	Connect struct {
		Key   identity.PublicKey
		Addrs []netip.AddrPort // besides those that are known
		Done  chan<- error
	}

	// Inbound is a session that a peer initiated and whose keys are proved. The node passes it on.
	Inbound struct{ Link *session.Link }

	// Stop says goodbye to every peer and dials no more. The last session gone is told by Stopped.
	Stop struct{}
)

// Events to the node.
type (
	// Up says that the first session to a peer is up.
	Up struct {
		Key  identity.PublicKey
		Addr netip.AddrPort
		Role handshake.Role
		Name string // the peer's own word
	}

	// Down says that the last session to a peer has ended.
	Down struct {
		Key    identity.PublicKey
		Addr   netip.AddrPort
		Reason envelope.Reason
		Text   string
		ByPeer bool
		Err    error
	}

	// Conflict says that two nodes use the same key at the same time.
	Conflict struct {
		Key          identity.PublicKey
		Older, Newer netip.AddrPort
	}

	// Stopped says that after Stop no session is left.
	Stopped struct{}
)

// From the table to a peer, besides Sighted, Connect and Inbound as they are.
type (
	revoke struct{} // the key is not trusted any more
	stop   struct{}
)

// From a peer's own goroutines and timers.
type (
	dialled struct {
		round  *round
		won    connection
		failed []connection
	}
	redialDue struct{ serial int }
)

func (dialled) IgnoreDeadLetterLogging()   {}
func (redialDue) IgnoreDeadLetterLogging() {}

// A round is one attempt to reach a peer: the addresses that are left to try, until a session is up or there
// are none.
type round struct {
	began   time.Time
	left    []netip.AddrPort
	last    error // why the last address did not work
	cancel  func()
	dialing bool                    // TCP connects are under way
	session *actor.PID              // the handshake is under way
	waiters []chan<- error          // Connects
	forced  map[netip.AddrPort]bool // named by a Connect: dialled whatever happened there before
}
