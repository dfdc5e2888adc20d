// Package peers keeps the links to everyone who is trusted: one actor for each trusted key, under one table.
// It joins what discovery saw with what trust allows, dials, backs off, and chooses between two sessions to one
// peer (wire.md §7).
package peers

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/dialects"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/netwatch"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Config is what the table and its peers share; every field is required but Dialects.
type Config struct {
	Self      identity.PublicKey
	Session   *session.Config
	Directory *Directory
	Trusted   func(identity.PublicKey) bool                           // safe for concurrent use
	Dialects  *dialects.Book                                          // nil: the native one alone
	Dial      func(context.Context, netip.AddrPort) (net.Conn, error) // likewise; it returns once its context has ended
	LookUp    func(context.Context, string) ([]netip.Addr, error)     // of a host name; likewise
	Clock     clock.Clock
	Log       *slog.Logger
	Pool      *actorkit.Pool
	Jitter    func() float64 // in [0, 1); safe for concurrent use

	DialTimeout time.Duration // of one TCP connect
	Stagger     time.Duration // between the starts of two of them

	RotateAfter time.Duration // age of a session that it is replaced at, or up to a quarter more; 0: never
	IdleAfter   time.Duration // an unused session ends after this time, or up to a quarter longer; 0: never
	MaxPeers    int           // that have a session; 0: no bound
	MaxSessions int           // of all peers together; 0: no bound

	// Tell hands an event to the node. It does not block.
	Tell func(any)

	quota        *quota
	places       *places
	lookups      chan struct{} // holds one for each lookup that runs
	freedLookups chan struct{} // has no room: a lookup that runs hands its slot to one that waits
}

// Props describes the table's actor. It starts without peers; the node tells it whom to trust.
func Props(c *Config) *actor.Props {
	c.quota, c.places = &quota{maxPeers: c.MaxPeers, maxSessions: c.MaxSessions}, new(places)
	c.lookups, c.freedLookups = make(chan struct{}, maxLookups), make(chan struct{})
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor {
		return &table{Config: c, peers: make(map[identity.PublicKey]*child), actors: make(map[string]*child)}
	})
}

// A table is the actor above all peers. It passes messages on to the peer concerned, and the peers' events to the node.
// A key that lost its trust and got it again has two actors for a while; the events of the newer one alone count.
type table struct {
	*Config
	peers    map[identity.PublicKey]*child
	actors   map[string]*child // by id: those of peers, and of keys that were taken out and have sessions left
	stopping bool
	stopped  bool
}

// A child is the actor of one key, as the table knows it.
type child struct {
	key     identity.PublicKey
	pid     *actor.PID
	waiters []*waiter // Connects that were passed on; some may be answered
	up      *Up       // the last one told; nil: Down was told since
}

// Receive implements actor.Actor.
func (t *table) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Stopping:
		t.releaseAll()
	case trust.Change:
		t.trust(ctx, m)
	case finder.Change:
		t.passOn(ctx, m.Key, m)
	case Wake:
		t.passOn(ctx, m.Key, m)
	case netwatch.Change:
		t.passOnToAll(ctx, m)
	case Connect:
		t.connect(ctx, m)
	case session.Proved:
		t.proved(ctx, m)
	case Up:
		if c := t.childOfSender(ctx, m.Key); c != nil {
			c.up = &m
			t.Tell(m)
		}
	case Down:
		if c := t.childOfSender(ctx, m.Key); c != nil {
			t.tellDown(c, m)
		}
	case Conflict:
		t.Tell(m)
	case roomFreed:
		t.passOnToAll(ctx, m)
	case Stop:
		t.stopping = true
		t.Directory.close()
		t.passOnToAll(ctx, leave{envelope.ReasonShutdown})
		t.stopIfEmpty()
	case *actor.Terminated:
		ctx.Send(ctx.Self(), childStopped{m.Who})
	case childStopped:
		t.childStopped(m.who)
	}
}

// passOn sends m to the actor of a trusted key. Other keys have none.
func (t *table) passOn(ctx actor.Context, key identity.PublicKey, m any) {
	if c := t.peers[key]; c != nil {
		ctx.Send(c.pid, m)
	}
}

func (t *table) passOnToAll(ctx actor.Context, m any) {
	for _, c := range t.peers {
		ctx.Send(c.pid, m)
	}
}

// childOf returns the child of a key, and makes it if the key is trusted. It returns nil if the key is not trusted, or the
// node stops. A key may be trusted before trust.Change tells of it: its peer connects, or a Connect names it.
func (t *table) childOf(ctx actor.Context, key identity.PublicKey) *child {
	c := t.peers[key]
	if c == nil && !t.stopping && t.Trusted(key) {
		p := &peer{Config: t.Config, facts: facts{key: key}, counters: t.Session.Counters.Peer(key)}
		t.Directory.register(p) // here, where the actors of one key come one after the other
		c = &child{key: key, pid: ctx.Spawn(actorkit.Props(t.Pool, t.Log, func() actor.Actor { return p }))}
		t.peers[key], t.actors[c.pid.GetId()] = c, c
	}
	return c
}

// childOfSender returns the child of a key if the message is from its actor. It returns nil if an older actor sent it.
func (t *table) childOfSender(ctx actor.Context, key identity.PublicKey) *child {
	if c := t.peers[key]; c != nil && c.pid.Equal(ctx.Sender()) {
		return c
	}
	return nil
}

func (t *table) trust(ctx actor.Context, m trust.Change) {
	if m.Kind == trust.Removed {
		if c := t.peers[m.Peer.Key]; c != nil {
			t.revoke(ctx, c)
		}
		return
	}
	if c := t.childOf(ctx, m.Peer.Key); c != nil { // else a removal is on its way
		ctx.Send(c.pid, m)
	}
}

// revoke tells a peer to end its sessions and itself. The key has no child from now on, so that it can be trusted again
// while the old sessions are still ending.
func (t *table) revoke(ctx actor.Context, c *child) {
	delete(t.peers, c.key)
	ctx.Send(c.pid, leave{envelope.ReasonRevoked})
	t.tellDown(c, Down{Reason: envelope.ReasonRevoked})
}

func (t *table) connect(ctx actor.Context, m Connect) {
	w := &waiter{done: m.Done}
	switch c := t.childOf(ctx, m.Key); {
	case t.stopping:
		w.answer(ErrStopping)
	case c == nil:
		w.answer(ErrNotTrusted)
	default:
		c.waiters = slices.DeleteFunc(c.waiters, func(w *waiter) bool { return w.answered.Load() })
		c.waiters = append(c.waiters, w)
		ctx.Send(c.pid, connect{m.Addrs, m.Once, w})
	}
}

// proved hands a session to its peer, once it has proved the key.
func (t *table) proved(ctx actor.Context, m session.Proved) {
	switch c := t.childOf(ctx, m.Link.Remote()); {
	case t.stopping:
		m.Link.Close(session.Close{Reason: envelope.ReasonShutdown})
	case c == nil:
		m.Link.Close(session.Close{Reason: envelope.ReasonRefused})
	default:
		ctx.Send(c.pid, m)
	}
}

// tellDown tells that a peer is down, unless that was told.
func (t *table) tellDown(c *child, m Down) {
	if c.up != nil {
		m.Key, m.Addr = c.key, cmp.Or(m.Addr, c.up.Addr)
		c.up = nil
		t.Tell(m)
	}
}

// childStopped forgets a peer that has left, or failed. One that failed is back when it connects, when a Connect asks to
// connect to it, or when its trust is given again.
func (t *table) childStopped(who *actor.PID) {
	if c := t.actors[who.GetId()]; c != nil {
		delete(t.actors, who.GetId())
		if t.peers[c.key] == c {
			delete(t.peers, c.key)
		}
		t.release(c)
	}
	t.stopIfEmpty()
}

// release answers and tells what an actor that has stopped left open.
func (t *table) release(c *child) {
	for _, w := range c.waiters {
		w.answer(ErrStopping)
	}
	t.tellDown(c, Down{Reason: session.ReasonLost})
}

func (t *table) stopIfEmpty() {
	if t.stopping && !t.stopped && len(t.actors) == 0 {
		t.stopped = true
		t.Tell(Stopped{})
	}
}

// releaseAll is called when the table stops, for whatever reason.
func (t *table) releaseAll() {
	t.Directory.close()
	for _, c := range t.actors {
		t.release(c)
	}
	// The end of peers that have yet to stop was told already: what they send from now on is dropped.
	clear(t.peers)
	clear(t.actors)
	t.stopping, t.stopped = true, true
}
