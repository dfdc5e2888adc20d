package session

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
)

// A Config is what all sessions of a node share. It is never changed. Every exported field is required but Boot,
// Blocked, TakesGuests, Dialects, Knocks, Parts, LimitUnsent, AwaitUnsent, AllowStall and MaxMessages.
type Config struct {
	Static   identity.KeyPair
	Prologue []byte // the namespace
	Hello    envelope.Hello
	Boot     func(identity.PublicKey) [8]byte // of the hello to a peer; nil: as Hello says
	Rand     io.Reader
	Clock    clock.Clock
	Log      *slog.Logger
	Pool     *actorkit.Pool

	// Trusted says whether a key may connect. It is asked during the handshake, from its goroutine.
	Trusted func(identity.PublicKey) bool

	// Blocked says whether a key that others prove is dropped without a word, guest or not. It is asked during the handshake,
	// from its goroutine. If nil, none is.
	Blocked func(identity.PublicKey) bool

	// TakesGuests says whether the node takes guests now. It is asked during the handshake, from its goroutine, if the
	// initiator is one. If nil, never.
	TakesGuests func() bool

	// Dialects says which dialects the node speaks, and with whom. If nil, the native one.
	Dialects *dialects.Book

	// Knocks, if not nil, is private mode: strangers get no answer (wire.md §4.6). It is asked during the
	// handshake, from its goroutine, while that holds a slot of Compute.
	Knocks Knocks

	// Serve returns the Inbound that answers the peer of an admitted session. It is called by the session's actor.
	Serve func(*Link) Inbound

	// Compute has a slot for each handshake that may compute at once.
	Compute chan struct{}

	FrameLimit int // largest frame body accepted, in bytes, tag included
	QueueBytes int // bytes of envelopes that may wait to be written, of each kind

	Parts PartLimits // what is accepted in parts; the hello says so

	// LimitUnsent, if not nil, has the system hold at most about that number of bytes of conn that it has not sent yet. It is called
	// by the session's writer.
	LimitUnsent func(conn net.Conn, bytes int)

	// AwaitUnsent, if not nil, waits until the system holds less than that, or the write deadline of conn passes: the error is that of
	// a Write then. Without it the system may take more in one go. It is called before what is not small is written.
	AwaitUnsent func(conn net.Conn) error

	// AllowStall, if not nil, has the system not end conn because the other end takes or acknowledges nothing. It is called for a
	// session with a peer that may be at work while it reads nothing: the session itself decides when that is too long.
	AllowStall func(conn net.Conn)

	StreamBytes int // bytes that may be reserved for streams with one peer, over all sessions: what it sends, and what waits to be written to it

	GuestPace int // bytes a second that are read of all guests together, as PaceOfGuest counts them; at least that

	HandshakeTimeout time.Duration // from the connection to the first valid frame of the peer
	PingAfter        time.Duration // a session without inbound traffic for this long pings
	PongWithin       time.Duration // a ping unanswered for this long is a missed pong; two end the session
	WriteStall       time.Duration // a session that has written no byte for this long ends
	Linger           time.Duration // how long a half-close may take
	LingerReplaced   time.Duration // the same, if another session has taken the place of this one

	MaxMessages uint64 // messages one way after which an initiator says RotationDue; 0: never

	Counters *counters.Node

	pendings       pendings       // safe for concurrent use
	trustedSources trustedSources // likewise
	knocks         knockLimiter   // likewise
	guestPace      sharedPace     // likewise
	spawner        spawner        // likewise
}

// hello returns what the node says of itself, without Boot.
func (c *Config) hello() envelope.Hello {
	h := c.Hello
	h.Message, h.Assemble, h.Chains = c.Parts.Message, c.Parts.Assemble, c.Parts.Chains
	return h
}

// IsTrustedSource says whether a trusted key has authenticated at a source (limiter.SourceOf) since the node started. It is
// safe for concurrent use.
func (c *Config) IsTrustedSource(at netip.Prefix) bool { return c.trustedSources.bucket(at) != nil }

// Inbound answers what a peer asks over one session. Its methods never block. One goroutine at a time calls them, except Pending
// and Close, which are safe for concurrent use; after Close the others do nothing. Slices of an envelope are the receiver's to keep.
type Inbound interface {
	// Call takes a call to a handler, which Begin lets begin. An error is a violation of the protocol (wire.md §6.3) and ends the
	// session.
	Call(*envelope.Envelope) error

	// Begin follows the last call of a read.
	Begin()

	// Send runs a handler that answers nothing.
	Send(*envelope.Envelope)

	// Cancel ends the context of a call, if it is still running.
	Cancel(envelope.CallID)

	// OpenChain says that a call or a send of size bytes comes in parts, and returns false if there is no room for it: then its
	// parts are not kept. It is called by the reader.
	OpenChain(head *envelope.Envelope, size int) bool

	// Discard refuses a call or drops a send for which OpenChain returned false, now that it is complete. An error is as for Call.
	Discard(head *envelope.Envelope) error

	// CloseChain says that a send of which OpenChain was told has been handed to Send or Discard, or that the peer has abandoned it.
	CloseChain()

	// EndRequests says that the peer has said its bye: no call and no send will follow.
	EndRequests()

	// Pending returns how many calls are not yet answered, streams not counted.
	Pending() int

	// Close says that the session has ended, and why: handlers are cancelled, their answers will go nowhere.
	Close(envelope.Reason)
}
