// Package peers keeps the links to everyone who is trusted: one actor for each trusted key, under one table.
// It joins what discovery saw with what trust allows, dials, backs off, and chooses between two sessions to one
// peer (wire.md §7).
package peers

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Config is what the table and its peers share; every field is required.
type Config struct {
	Self      identity.PublicKey
	Session   *session.Config
	Directory *Directory
	Trusted   func(identity.PublicKey) bool
	Dial      func(context.Context, netip.AddrPort) (net.Conn, error)
	Clock     clock.Clock
	Log       *slog.Logger
	Pool      *actorkit.Pool
	Jitter    func() float64 // in [0, 1); safe for concurrent use

	DialTimeout time.Duration // of one TCP connect
	Stagger     time.Duration // between the starts of two of them

	// Tell hands an event to the node. It does not block.
	Tell func(any)
}

// Props describes the table's actor. It starts with nobody; the node tells it whom to trust.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor {
		return &table{Config: c, peers: make(map[identity.PublicKey]*entry), leaving: make(map[string]bool)}
	})
}

// A table is the actor above all peers. It hands on what it is told to the peer concerned.
type table struct {
	*Config
	peers    map[identity.PublicKey]*entry
	leaving  map[string]bool // ids of actors that were told to leave and are not gone
	stopping bool
	stopped  bool
}

type entry struct{ pid *actor.PID }

// Receive implements actor.Actor.
func (t *table) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case Trust:
		t.trust(ctx, m)
	case Sighted:
		if e := t.peers[m.Key]; e != nil {
			ctx.Send(e.pid, m)
		}
	case Connect:
		t.connect(ctx, m)
	case Inbound:
		if e := t.peers[m.Link.Remote()]; e != nil {
			ctx.Send(e.pid, m)
		} else {
			m.Link.Close(session.Close{Reason: envelope.ReasonRefused})
		}
	case Stop:
		t.stopping = true
		for key, e := range t.peers {
			t.leave(ctx, key, e, stop{})
		}
		t.settle()
	case *actor.Terminated:
		t.terminated(m.Who)
	}
}

func (t *table) trust(ctx actor.Context, m Trust) {
	key := m.Peer.Key
	e := t.peers[key]
	switch {
	case m.Kind == trust.Removed && e != nil:
		t.leave(ctx, key, e, revoke{})
	case m.Kind == trust.Removed || t.stopping || !t.Trusted(key): // a removal is on its way
	case e == nil:
		e = &entry{pid: ctx.Spawn(actorkit.Props(t.Pool, t.Log, func() actor.Actor { return &peer{Config: t.Config, key: key} }))}
		t.peers[key] = e
		for _, addr := range m.Peer.Option("addr") {
			if a, err := netip.ParseAddrPort(addr); err == nil {
				ctx.Send(e.pid, Sighted{Key: key, Addr: a, Source: "peers file"})
			}
		}
	}
}

// leave tells a peer to end its sessions and itself; the table forgets it at once, so that the key can be
// trusted again while the old sessions are still ending.
func (t *table) leave(ctx actor.Context, key identity.PublicKey, e *entry, how any) {
	delete(t.peers, key)
	t.leaving[e.pid.GetId()] = true
	ctx.Send(e.pid, how)
}

func (t *table) connect(ctx actor.Context, m Connect) {
	switch e := t.peers[m.Key]; {
	case t.stopping:
		m.Done <- ErrStopping
	case e == nil:
		m.Done <- ErrNotTrusted
	default:
		ctx.Send(e.pid, m)
	}
}

// terminated is a peer that has left, or one that failed: that one is as if it had never been trusted, which
// is the safe side to err on.
func (t *table) terminated(who *actor.PID) {
	delete(t.leaving, who.GetId())
	for key, e := range t.peers {
		if e.pid.Equal(who) {
			delete(t.peers, key)
		}
	}
	t.settle()
}

func (t *table) settle() {
	if t.stopping && !t.stopped && len(t.leaving) == 0 {
		t.stopped = true
		t.Tell(Stopped{})
	}
}
