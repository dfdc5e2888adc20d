package peernet

import (
	"context"
	"iter"
	"log/slog"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/guests"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// trustChanged is called by the trust set, in order.
func (n *Node) trustChanged(c trust.Change) {
	now := At{n.config.Clock.Now()}
	switch c.Kind {
	case trust.Added:
		n.knocks.forget(c.Peer.Key)
		n.config.Logger.Info("peer", "peer", c.Peer.Key, "state", "paired")
		n.hub.publish(Paired{now, c.Peer.Key, c.Peer.Label})
	case trust.Removed:
		n.toKeep.Delete(c.Peer.Key)
		n.counters.Remove(c.Peer.Key)
		n.dialects.Forget(c.Peer.Key)
		n.config.Logger.Info("peer", "peer", c.Peer.Key, "state", "unpaired")
		n.hub.publish(Unpaired{now, c.Peer.Key})
	}
	n.tellTrust(c)
	select {
	case n.trustEdits <- struct{}{}:
	default: // followProvisional looks already
	}
}

// publish logs what happened to the node, and tells its subscribers. It is called by the root actor, in order.
func (n *Node) publish(m any) {
	now, log := At{n.config.Clock.Now()}, n.config.Logger
	switch m := m.(type) {
	case finder.Change:
		found := Found{now, m.Key, m.Addr, m.Source, m.Interface}
		e := Event(found)
		switch m.Kind {
		case finder.Updated:
			e = Updated(found)
		case finder.Lost:
			e = Lost{now, m.Key, m.Addr, m.Source, string(m.Reason), m.Left}
		}
		log.Debug("discovery", "peer", m.Key, "addr", m.Addr, "source", m.Source, "state", e.Kind(), "reason", string(m.Reason))
		n.hub.publish(e)
	case finder.Problem:
		e := DiscoveryProblem{At: now, Source: m.Source, State: m.State, Interface: m.Interface, Doing: m.Doing}
		if m.Err != nil {
			e.Reason = m.Err.Error()
		}
		n.hub.publish(e)
	case peers.Up:
		n.logPeer(m.Key, "role", m.Role.String(), "state", "connected", "addr", m.Addr)
		n.keepProvisional(m.Key)
		n.hub.publish(Connected{now, m.Key, m.Addr, m.Role.String(), m.Name})
	case peers.Down:
		text := m.Text
		if m.Err != nil {
			text = m.Err.Error()
		}
		n.logPeer(m.Key, "state", "disconnected", "reason", string(m.Reason), "text", text, "by_peer", m.ByPeer)
		n.hub.publish(Disconnected{now, m.Key, m.Addr, string(m.Reason), text})
	case guests.Came:
		n.logGuest("peer", m.Key, "state", "connected", "addr", m.Addr)
		n.hub.publish(GuestConnected{now, m.Key, m.Addr})
	case guests.Gone:
		text := m.Text
		if m.Err != nil {
			text = m.Err.Error()
		}
		n.logGuest("peer", m.Key, "state", "disconnected", "reason", string(m.Reason), "text", text, "by_peer", m.ByPeer)
		n.hub.publish(GuestDisconnected{now, m.Key, m.Addr, string(m.Reason), text})
	case peers.Conflict:
		args, cause := []any{"peer", m.Key, "older", m.Older, "newer", m.Newer}, m.Key
		if !m.By.IsZero() {
			args, cause = append(args, "by", m.By), m.By
		}
		rest := func(dropped uint64) { log.Warn("conflicts of a peer", "peer", cause, "not_logged", dropped) }
		if ok, dropped := n.counters.Find(cause).Conflicts.Allow(n.config.Clock, 1, rest); ok {
			log.Warn("two nodes use the same key", append(args, "not_logged", dropped)...)
		}
		n.hub.publish(IdentityConflict{now, m.Key, m.Older, m.Newer, m.By})
	case session.Refused:
		rest := func(dropped uint64) { log.Info("untrusted", "state", "refused", "not_logged", dropped) }
		if ok, dropped := n.refusals.Allow(n.config.Clock, 1, rest); ok {
			log.Info("untrusted", "peer", m.Key, "addr", m.Addr, "state", "refused", "not_logged", dropped)
		}
		n.knocks.add(m.Key, m.Addr, now.When)
		n.hub.publish(Refused{now, m.Key, m.Addr, "not trusted"})
	}
}

// logPeer logs a change of a peer's state: at Info, or at Debug if the peer comes and goes too often.
func (n *Node) logPeer(key identity.PublicKey, args ...any) {
	rest := func(dropped uint64) { n.config.Logger.Info("peer", "peer", key, "not_logged", dropped) }
	n.logState(n.counters.Find(key), rest, "peer", append([]any{"peer", key}, args...))
}

// logGuest is logPeer for guests, who share one limit.
func (n *Node) logGuest(args ...any) {
	rest := func(dropped uint64) { n.config.Logger.Info("guest", "not_logged", dropped) }
	n.logState(n.counters.Guests(), rest, "guest", args)
}

func (n *Node) logState(of *counters.Peer, rest func(dropped uint64), what string, args []any) {
	level := slog.LevelInfo
	ok, dropped := of.States.Allow(n.config.Clock, 1, rest)
	if !ok {
		level = slog.LevelDebug
	} else if dropped > 0 {
		args = append(args, "not_logged", dropped)
	}
	n.config.Logger.Log(context.Background(), level, what, args...)
}

// republish publishes the node's events on the actor system of its Config. A subscriber there runs in this
// goroutine: one that blocks loses events, and does not delay the node.
func (n *Node) republish(events iter.Seq[Event]) {
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
