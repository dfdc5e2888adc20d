package peernet

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/guests"
	"github.com/seed-f6ddb928/peernet-go/internal/listener"
	"github.com/seed-f6ddb928/peernet-go/internal/node"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// handshakesAtOnce bounds the handshakes that compute at the same time, so that a flood of them leaves most of the
// machine to connected peers.
const handshakesAtOnce = 2

// staggerDials is how long after the dial of one address the next one starts beside it.
const staggerDials = 250 * time.Millisecond

// maxMessages is how many messages one way a session carries before it is replaced: half of what docs/wire.md §7.4
// allows, since the session notices a little later.
const maxMessages = 1 << 31

// What a peer may send in parts at the same time (docs/wire.md §6.10).
const (
	besideMessage = 3 << 20 // bytes of other messages, while one of Limits.Message comes
	maxChains     = 64      // messages
)

// actorConfig returns the configurations of the actors.
func (n *Node) actorConfig(l net.Listener) (node.Config, error) {
	c := n.config
	hello := envelope.Hello{Version: envelope.Version, Agent: agent(), Name: c.Name, Max: c.Limits.Frame}
	secret := make([]byte, sha256.Size)
	if _, err := io.ReadFull(c.Rand, secret); err != nil {
		return node.Config{}, fmt.Errorf("read randomness: %w", err)
	}
	if hello.Max == frame.DefaultLimit {
		hello.Max = 0 // every node accepts that
	}
	jitter, err := newJitter(c.Rand)
	if err != nil {
		return node.Config{}, err
	}
	sessions := &session.Config{
		Static: n.keys, Prologue: []byte(c.Namespace), Hello: hello, Rand: c.Rand, Clock: c.Clock, Log: c.Logger,
		Pool: n.pool, Trusted: n.mayConnect, Blocked: n.isBlocked, Compute: make(chan struct{}, handshakesAtOnce),
		Serve: n.serve, TakesGuests: n.server.ServesGuests,
		Boot: func(peer identity.PublicKey) (boot [8]byte) { // each peer learns another one, which tells it nothing about others
			mac := hmac.New(sha256.New, secret)
			mac.Write(peer[:])
			copy(boot[:], mac.Sum(nil))
			return boot
		},
		FrameLimit: c.Limits.Frame, QueueBytes: c.Limits.QueueBytes, StreamBytes: c.Limits.StreamBytesPerPeer, GuestPace: c.Limits.GuestPace, LimitUnsent: limitUnsent, AwaitUnsent: awaitUnsent, AllowStall: allowStall,
		Parts:            session.PartLimits{Message: c.Limits.Message, Assemble: c.Limits.Message + besideMessage, Chains: maxChains},
		HandshakeTimeout: c.Timing.Handshake, PingAfter: c.Timing.PingAfter, PongWithin: c.Timing.Pong,
		WriteStall: c.Timing.Stall, Linger: c.Timing.Linger, LingerReplaced: c.Timing.LingerReplaced, MaxMessages: maxMessages,
		Counters: &n.counters, Dialects: n.dialects,
	}
	self := discovery.Self{Key: n.self, Offers: n.pairings.offers, Listens: n.listeners.addrs, ListenOnly: c.ListenOnly,
		Interfaces: c.Network.Interfaces, ListenPacket: c.Network.ListenPacket}
	if c.Private {
		sessions.Knocks, self.Private = n.keyring, n.keyring
	}
	return node.Config{
		Pool: n.pool, Log: c.Logger, Clock: c.Clock, Interfaces: c.Network.Interfaces, Tell: n.publish,
		Listener: listener.Config{Listener: l, Session: sessions,
			Strangers: c.Limits.Strangers, StrangersPerSource: c.Limits.StrangersPerSource,
			Guests: c.Limits.Guests, GuestsPerSource: c.Limits.GuestsPerSource},
		Guests: guests.Config{Session: sessions, Idle: c.Timing.GuestIdle, Life: c.Timing.GuestLife},
		Finder: finder.Config{Providers: c.Discovery, Board: n.board, Trusted: n.mayConnect, Clock: c.Clock, Log: c.Logger, Pool: n.pool, Self: self},
		Peers: peers.Config{Self: n.self, Session: sessions, Directory: n.directory, Trusted: n.mayConnect, Dialects: n.dialects,
			Dial: c.Network.dial, LookUp: c.Network.lookUp, Clock: c.Clock, Log: c.Logger, Pool: n.pool, Jitter: jitter,
			DialTimeout: c.Timing.Dial, Stagger: staggerDials, RotateAfter: c.Timing.Rotate, IdleAfter: c.Timing.Idle,
			MaxPeers: c.Limits.Peers, MaxSessions: c.Limits.Sessions},
	}, nil
}

// serve answers what comes over a session.
func (n *Node) serve(l *session.Link) session.Inbound {
	if l.IsGuest() {
		return n.server.OpenGuest(l, l.Role() == handshake.Responder)
	}
	return n.server.Open(l)
}

// newJitter returns a source of numbers in [0, 1), seeded from the node's randomness.
func newJitter(r io.Reader) (func() float64, error) {
	var seed [32]byte
	if _, err := io.ReadFull(r, seed[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	var mu sync.Mutex
	rng := mathrand.New(mathrand.NewChaCha8(seed))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64()
	}, nil
}

// agent is what the node says it is, in its hello.
func agent() string {
	const name = "peernet-go"
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return name + "/" + b.Main.Version
	}
	return name
}
