package peernet

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/netip"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/listener"
	"github.com/seed-f6ddb928/peernet-go/internal/node"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/serve"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/private"
	"github.com/seed-f6ddb928/peernet-go/trust"
	"time"
)

// handshakesAtOnce bounds the handshakes that compute at the same time, so that a flood of them leaves the
// machine to those who are connected.
const handshakesAtOnce = 2

// staggerDials is how long the dial of one address is alone before the next one starts.
const staggerDials = 250 * time.Millisecond

// wornAfter is how many messages one way a session carries before it is replaced: half of what docs/wire.md §7.4
// allows, as it is noticed a little later.
const wornAfter = 1 << 31

// wire makes the configurations of the actors.
func (n *Node) wire(l net.Listener) (node.Config, error) {
	c := n.config
	hello := envelope.Hello{Version: envelope.Version, Agent: agent(), Name: c.Name, HasBoot: true, Max: c.Limits.Frame}
	if _, err := io.ReadFull(c.Rand, hello.Boot[:]); err != nil {
		return node.Config{}, fmt.Errorf("read randomness: %w", err)
	}
	if hello.Max == frame.DefaultLimit {
		hello.Max = 0 // what every node accepts need not be said
	}
	jitter, err := newJitter(c.Rand)
	if err != nil {
		return node.Config{}, err
	}
	sessions := &session.Config{
		Static: n.keys, Prologue: []byte(c.Namespace), Hello: hello, Rand: c.Rand, Clock: c.Clock, Log: c.Logger,
		Pool: n.pool, Trusted: n.trust.Contains, Compute: make(chan struct{}, handshakesAtOnce),
		Serve:      func(l *session.Link) session.Inbound { return inbound{n.server.Open(l)} },
		FrameLimit: c.Limits.Frame, QueueBytes: c.Limits.QueueBytes,
		HandshakeTimeout: c.Timing.Handshake, PingAfter: c.Timing.PingAfter, PongWithin: c.Timing.Pong,
		WriteStall: c.Timing.Stall, Linger: c.Timing.Linger, WornAfter: wornAfter,
		Counters: &n.counters,
	}
	var listens netip.AddrPort
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		listens = a.AddrPort()
	}
	self := discovery.Self{Key: n.self, Port: listens.Port(), Addr: listens.Addr(), ListenOnly: c.ListenOnly,
		Interfaces: c.Network.Interfaces, ListenPacket: c.Network.ListenPacket}
	if c.Private {
		sessions.Knocks, self.Private = n.keyring, n.keyring
	}
	return node.Config{
		Pool: n.pool, Log: c.Logger, Clock: c.Clock, Interfaces: c.Network.Interfaces, Tell: n.told,
		Listener: listener.Config{Listener: l, Session: sessions, Clock: c.Clock, Log: c.Logger, Pool: n.pool,
			Strangers: c.Limits.Strangers, StrangersPerSource: c.Limits.StrangersPerSource},
		Finder: finder.Config{Providers: c.Discovery, Board: n.board, Trusted: n.trust.Contains, Clock: c.Clock, Log: c.Logger, Pool: n.pool, Self: self},
		Peers: peers.Config{Self: n.self, Session: sessions, Directory: n.directory, Trusted: n.trust.Contains,
			Dial: c.Network.dial, Clock: c.Clock, Log: c.Logger, Pool: n.pool, Jitter: jitter,
			DialTimeout: c.Timing.Dial, Stagger: staggerDials, RotateAfter: c.Timing.Rotate, IdleAfter: c.Timing.Idle,
			MaxPeers: c.Limits.Peers, MaxSessions: c.Limits.Sessions},
	}, nil
}

// inbound is what serve does for a session, in the session's terms.
type inbound struct{ *serve.Session }

func (i inbound) Close(err error) {
	e, ok := err.(*session.LinkError)
	i.Session.Close(ok && (e.Reason == envelope.ReasonRevoked || e.Reason == envelope.ReasonConflict))
}

// trustChanged is called by the trust set, in order.
func (n *Node) trustChanged(c trust.Change) {
	n.changes.Add(1)
	now := At{n.config.Clock.Now()}
	switch c.Kind {
	case trust.Added:
		n.config.Logger.Info("peer", "peer", c.Peer.Key, "state", "paired")
		n.hub.publish(Paired{now, c.Peer.Key, c.Peer.Label})
	case trust.Removed:
		n.counters.Remove(c.Peer.Key)
		n.config.Logger.Info("peer", "peer", c.Peer.Key, "state", "unpaired")
		n.hub.publish(Unpaired{now, c.Peer.Key})
	}
	n.root.Trust(c)
}

// keepSecrets makes the secrets that private mode needs, and has them follow the trust set.
func (n *Node) keepSecrets() {
	n.keyring = private.New(private.Config{Static: n.keys, Trusted: n.trust.Contains, Now: n.config.Clock.Now, Rand: n.config.Rand})
	n.trust.Watch(func(c trust.Change) {
		switch c.Kind {
		case trust.Added:
			n.keepSecret(c.Peer.Key)
		case trust.Removed:
			n.keyring.Remove(c.Peer.Key)
		}
	})
	for _, p := range n.trust.List() {
		n.keepSecret(p.Key)
	}
}

func (n *Node) keepSecret(key identity.PublicKey) {
	if err := n.keyring.Add(key); err != nil { // the trust set holds no such key
		n.config.Logger.Error("no private mode with a peer", "peer", key, "err", err)
	}
}

// told is called by the root actor, in order.
func (n *Node) told(m any) {
	now, log := At{n.config.Clock.Now()}, n.config.Logger
	switch m := m.(type) {
	case finder.Change:
		switch m.Kind {
		case finder.Found:
			log.Debug("discovery", "peer", m.Key, "addr", m.Addr, "source", m.Source, "state", "found")
			n.hub.publish(Found{now, m.Key, m.Addr, m.Source, m.Interface})
		case finder.Updated:
			log.Debug("discovery", "peer", m.Key, "addr", m.Addr, "source", m.Source, "state", "updated")
			n.hub.publish(Updated{now, m.Key, m.Addr, m.Source, m.Interface})
		case finder.Lost:
			log.Debug("discovery", "peer", m.Key, "addr", m.Addr, "source", m.Source, "state", "lost", "reason", string(m.Reason))
			n.hub.publish(Lost{now, m.Key, m.Addr, m.Source, string(m.Reason), m.Left})
		}
	case peers.Up:
		n.turned(now, m.Key, "role", m.Role.String(), "state", "connected", "addr", m.Addr)
		n.hub.publish(Connected{now, m.Key, m.Addr, m.Role.String(), m.Name})
	case peers.Down:
		text := m.Text
		if m.Err != nil {
			text = m.Err.Error()
		}
		n.turned(now, m.Key, "state", "disconnected", "reason", string(m.Reason), "text", text, "by_peer", m.ByPeer)
		n.hub.publish(Disconnected{now, m.Key, m.Addr, string(m.Reason), text})
	case peers.Conflict:
		if ok, dropped := n.conflicts.Allow(now.Time()); ok {
			log.Warn("two nodes use the same key", "peer", m.Key, "older", m.Older, "newer", m.Newer, "not_logged", dropped)
		}
		n.hub.publish(IdentityConflict{now, m.Key, m.Older, m.Newer})
	case session.Refused:
		if ok, dropped := n.strangers.Allow(now.Time()); ok {
			log.Info("stranger", "peer", m.Key, "addr", m.Addr, "state", "refused", "not_logged", dropped)
		}
		n.hub.publish(Refused{now, m.Key, m.Addr, "not trusted"})
	}
}

// turned logs a change of a peer's state: at Info, but for a peer that comes and goes too often at Debug.
func (n *Node) turned(now At, key identity.PublicKey, args ...any) {
	level := slog.LevelInfo
	ok, dropped := n.counters.Find(key).Log(now.Time())
	if !ok {
		level = slog.LevelDebug
	} else if dropped > 0 {
		args = append(args, "not_logged", dropped)
	}
	n.config.Logger.Log(context.Background(), level, "peer", append([]any{"peer", key}, args...)...)
}

// republish publishes the node's events on the actor system that it was given. A subscriber there runs in this
// goroutine: one that blocks costs events, not the node.
func (n *Node) republish(events iter.Seq[Event]) {
	defer n.join.Done()
	for e := range events {
		func() {
			defer func() {
				if r := recover(); r != nil {
					n.config.Logger.Error("a subscriber of the event stream panicked", "panic", r)
				}
			}()
			n.system.EventStream.Publish(e)
		}()
	}
}
