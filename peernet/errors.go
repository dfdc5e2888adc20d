package peernet

import (
	"errors"
	"fmt"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// Errors of this side, for errors.Is.
var (
	ErrNotTrusted   = peers.ErrNotTrusted                     // the key is not in the trust set
	ErrSelf         = trust.ErrSelf                           // the key is the node's own
	ErrNotConnected = errors.New("the peer is not connected") // no session to it is up
	ErrNoAddress    = peers.ErrNoAddress                      // no address of the peer is known
	ErrUnreachable  = peers.ErrUnreachable                    // nothing answers there
	ErrWrongKey     = handshake.ErrWrongKey                   // another key answers there
	ErrUnanswered   = session.ErrUnanswered                   // the connection is ended there at once; an ErrUnreachable
	ErrRefused      = peers.ErrRefused                        // the peer does not trust this node
	ErrNotAccepted  = session.ErrNotAccepted                  // a BEAM node closed the connection after the handshake: perhaps it does not trust this node
	ErrBusy         = peers.ErrBusy                           // the peer does not want this node for now
	ErrFull         = peers.ErrFull                           // this node is at Limits.Peers or Limits.Sessions, or the guest in 1,024 sessions
	ErrLinkLost     = session.ErrLinkLost                     // the session ended before the answer came
	ErrNotSpoken    = dialects.ErrNotSpoken                   // this node does not speak the peer's dialect
	ErrNotStarted   = errors.New("the node is not started: call Start first")
	ErrClosed       = peers.ErrStopping    // the node is shut down, or about to be
	ErrTaken        = serve.ErrTaken       // the name has a handler already
	ErrNoStreams    = session.ErrNoStreams // the peer has no streams: it speaks version 1 of the protocol, or BEAM
	ErrNotStream    = session.ErrNotStream // the peer's handler answers calls, and has answered: it makes no stream
	ErrNoGuests     = errors.New("the connection was closed after the handshake: the node there has no handler for guests")
	ErrStreamOver   = session.ErrStreamOver // nothing can be sent: the stream has ended, and its call succeeded

	// ErrMaybeNoHandler says that a BEAM node closed the session during a call, as it does, without a word, for a name that
	// it does not know. The error is an ErrLinkLost.
	ErrMaybeNoHandler = session.ErrMaybeNoHandler

	errBEAMNamespace = errors.New("config: the BEAM dialect has no namespaces: leave DialectBEAM out of Dialects, or Namespace empty")
	errBEAMPrivate   = errors.New("config: the BEAM dialect has no private mode: leave DialectBEAM out of Dialects, or Private false")

	errGuestOption   = errors.New("a call as a guest dials for itself: leave WaitForReady, AtOnce and Window out")
	errGuestStream   = errors.New("guests have no streams: leave Guests out")
	errPrivateGuests = errors.New("a node in private mode answers strangers nothing: leave Guests out, or Private false")

	errPairFirst = fmt.Errorf("%w: pair with it first", ErrNotTrusted)

	// ErrNotDiscreet says that a discovery provider cannot be used in private mode.
	ErrNotDiscreet = errors.New("it would tell everybody who this node is: leave it out")
)

// Errors that a peer answers instead of a result, for errors.Is; the error is a *RemoteError. A handler that returns
// one of them, or an error that wraps it, answers with its code.
var (
	ErrNoHandler  = envelope.ErrNoHandler
	ErrForbidden  = envelope.ErrForbidden
	ErrBadArgs    = envelope.ErrBadArgs
	ErrFailed     = envelope.ErrFailed
	ErrInternal   = envelope.ErrInternal
	ErrOverloaded = envelope.ErrOverloaded
	ErrCancelled  = envelope.ErrCancelled
	ErrDeadline   = envelope.ErrDeadline
	ErrTooLarge   = envelope.ErrTooLarge // also of arguments that the peer would not take: Sent tells them apart
)
