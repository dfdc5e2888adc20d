package session

import (
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
)

// Commands from the session's owner: its parent, and once it is admitted the owner named there.
type (
	// admit lets a session that has proved its peer go on. owner is told its events from now on.
	admit struct{ owner *actor.PID }

	// Close ends the session with a bye of that reason: with a half-close or at once, as wire.md §6.8 says.
	Close struct {
		Reason     envelope.Reason
		Text       string
		RetryAfter time.Duration

		// Hold is how long the connection stays open at least, when the session has ended for both programs. A node that takes harm
		// if many connections end within seconds needs it.
		Hold time.Duration
	}

	// Probe asks for a ping that is to be answered within Within.
	Probe struct{ Within time.Duration }

	// Check asks for a sign of life now rather than after PingAfter (wire.md §7.2): the connection may have been cut.
	Check struct{}
)

// Events to the session's owner.
type (
	// Proved says that the handshake is complete and both keys are trusted on this side. The session waits
	// to be admitted or closed.
	Proved struct{ Link *Link }

	// Refused says that a peer proved a key that is not trusted here, and was told so.
	Refused struct {
		Key  identity.PublicKey
		Addr netip.AddrPort
	}

	// Up says that the peer has accepted: its first valid frame other than a bye has come.
	Up struct{ Link *Link }

	// Greeted says that the peer's hello has come; Link.Hello has it. It may come after Up.
	Greeted struct{ Link *Link }

	// HalfClosed says that the peer has said a bye that half-closes: nothing new can be started.
	HalfClosed struct {
		Link *Link
		Bye  envelope.Bye
	}

	// RotationDue says that enough messages have gone one way for the session to be replaced (wire.md §7.4). Only an
	// initiator says so, once.
	RotationDue struct{ Link *Link }

	// Ending says that the session takes nothing more, either way, while its last word is being written; End is how it
	// will end. It comes between Up and Ended if the session was not half-closed before.
	Ending struct {
		Link *Link
		End  Ended
	}

	// Probed answers a Probe. The session gets it from the goroutine that waits for the pong.
	Probed struct {
		Link  *Link
		Alive bool
	}

	// Ended says that the session is over. It is the last event, and comes exactly once.
	Ended struct {
		Session    *actor.PID
		Link       *Link // nil if the handshake was not completed
		Role       handshake.Role
		Addr       netip.AddrPort
		Reason     envelope.Reason
		Text       string // the peer's, untrusted, if ByPeer
		RetryAfter time.Duration
		ByPeer     bool
		WasUp      bool
		Err        error // what broke, or why the handshake failed
	}
)

// linkError returns the end as calls and sends hear of it.
func (e *Ended) linkError() *LinkError {
	return &LinkError{Reason: e.Reason, Text: e.Text, ByPeer: e.ByPeer, Err: e.Err}
}

// Events from its own goroutines and timers.
type (
	// handshakeDone is the end of the handshake, whatever came of it.
	handshakeDone struct {
		result  handshake.Result
		dialect handshake.Dialect
		err     error
	}

	// received is what one read of the connection brought, if something in it or before it needs the actor. It goes back to the
	// reader.
	received struct{ batch *batch }

	// violated is a violation of the protocol, after which the reader only discards.
	violated struct{ err error }

	// panicked is a panic in a goroutine of the session, with the stack.
	panicked struct {
		value any
		stack string
	}

	readEnded    struct{ err error }
	writeEnded   struct{ err error }
	checkDrained struct{} // while draining: something was answered or written
	upDeadline   struct{} // the time for everything up to the peer's first valid frame is over
	livenessDue  struct{} // time to look at liveness
	readyPingDue struct{} // time to ping a peer that is up at its first pong
	lingerOver   struct{} // the connection must be closed now
)

// A message that comes after the end of its session is nothing to log.
func (handshakeDone) IgnoreDeadLetterLogging() {}
func (received) IgnoreDeadLetterLogging()      {}
func (violated) IgnoreDeadLetterLogging()      {}
func (panicked) IgnoreDeadLetterLogging()      {}
func (readEnded) IgnoreDeadLetterLogging()     {}
func (writeEnded) IgnoreDeadLetterLogging()    {}
func (checkDrained) IgnoreDeadLetterLogging()  {}
func (upDeadline) IgnoreDeadLetterLogging()    {}
func (livenessDue) IgnoreDeadLetterLogging()   {}
func (readyPingDue) IgnoreDeadLetterLogging()  {}
func (lingerOver) IgnoreDeadLetterLogging()    {}
func (Probed) IgnoreDeadLetterLogging()        {}
func (admit) IgnoreDeadLetterLogging()         {}
func (Close) IgnoreDeadLetterLogging()         {}
func (Probe) IgnoreDeadLetterLogging()         {}
func (Check) IgnoreDeadLetterLogging()         {}
func (RotationDue) IgnoreDeadLetterLogging()   {}
func (Ending) IgnoreDeadLetterLogging()        {}
func (Ended) IgnoreDeadLetterLogging()         {}
