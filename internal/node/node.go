// Package node is the root actor of a node: it starts the listener, the finder and the peers, passes events of one to
// another, and ends them in order.
//
//	node
//	├── listener ── session × n, one per inbound connection
//	├── finder ──── one actor per discovery provider
//	├── guests ──── session × n, one per node that this node is a guest of
//	└── peers ───── peer × n, one per trusted key ── session, one per outbound connection
//
// Commands go down, events go up, and siblings do not know each other. The finder sends what it finds to the table of
// peers directly: the root would only forward it.
package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/finder"
	"github.com/seed-f6ddb928/peernet-go/internal/guests"
	"github.com/seed-f6ddb928/peernet-go/internal/listener"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A Config is what the actors of a node need. Their Tell functions are set here.
type Config struct {
	Listener listener.Config
	Finder   finder.Config
	Guests   guests.Config
	Peers    peers.Config
	Pool     *actorkit.Pool
	Log      *slog.Logger
	Clock    clock.Clock

	// Interfaces lists this machine's network interfaces, so that a change is noticed. It is called about every two
	// seconds, in a goroutine of its own. If nil, none is noticed.
	Interfaces func() ([]discovery.Interface, error)

	// Tell gets finder.Change, finder.Problem, session.Refused, peers.Up, peers.Down, peers.Conflict, guests.Came and guests.Gone,
	// one at a time and in order. It does not block.
	Tell func(any)
}

// A Node is the running root actor. It is safe for concurrent use.
type Node struct {
	system *actor.ActorSystem
	pid    *actor.PID
	done   chan struct{} // closed when the actor has stopped
}

// Start starts the actors on system. The trust set's peers are told by Trust, from now on.
func Start(system *actor.ActorSystem, c Config) *Node {
	n := &Node{system: system, done: make(chan struct{})}
	n.pid = system.Root.SpawnPrefix(actorkit.RootProps(c.Pool, c.Log, func() actor.Actor {
		return &root{Config: c, done: n.done}
	}), "node")
	return n
}

// Trust tells of a change of the trust set.
func (n *Node) Trust(c trust.Change) { n.system.Root.Send(n.pid, c) }

// Connect asks to dial a peer now; see peers.Connect. If the node ends there may be no answer: look at Done as
// well.
func (n *Node) Connect(c peers.Connect) { n.system.Root.Send(n.pid, c) }

// Listen has connections accepted from one more socket; see listener.Accept. If the node ends there may be no answer: look at
// Done as well.
func (n *Node) Listen(a listener.Accept) { n.system.Root.Send(n.pid, a) }

// Announce announces the node anew: the addresses that it listens on have changed.
func (n *Node) Announce() { n.system.Root.Send(n.pid, finder.Listens{}) }

// Wake dials a peer whose last session ended because it was idle; see peers.Wake.
func (n *Node) Wake(key identity.PublicKey) { n.system.Root.Send(n.pid, peers.Wake{Key: key}) }

// BeginGuest makes a session in which this node is a guest; see guests.Begin. If the node ends there may be no answer: look at
// Done as well.
func (n *Node) BeginGuest(b guests.Begin) { n.system.Root.Send(n.pid, b) }

// CloseGuests ends the sessions of all guests; see guests.CloseGuests.
func (n *Node) CloseGuests() { n.system.Root.Send(n.pid, guests.CloseGuests{}) }

// CloseBlockedGuests ends the sessions of guests, and with hosts, whose keys are blocked; see guests.CloseBlocked.
func (n *Node) CloseBlockedGuests() { n.system.Root.Send(n.pid, guests.CloseBlocked{}) }

// Done is closed when no actor of the node is left.
func (n *Node) Done() <-chan struct{} { return n.done }

// Stop ends the node: it listens and announces no more, says goodbye to every peer, and lets what is in flight
// finish until ctx ends. When it returns no actor of the node is left. The error is the context's cause, if that cut
// something short.
func (n *Node) Stop(ctx context.Context) error {
	n.system.Root.Send(n.pid, stop{})
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		n.system.Root.Send(n.pid, cut{})
		<-n.done
		return context.Cause(ctx)
	}
}

// Commands from Node.Stop.
type (
	stop struct{} // in good order
	cut  struct{} // at once
)

// childStopped is sent when a child actor has stopped. The root sends it to itself on Terminated, which overtakes the
// child's last messages; this follows them.
type childStopped struct{ who *actor.PID }

func (stop) IgnoreDeadLetterLogging()         {}
func (cut) IgnoreDeadLetterLogging()          {}
func (childStopped) IgnoreDeadLetterLogging() {}

// A root is the actor. Stop begins its end. The end goes on when the finder and the peers have said that they have
// finished what Stop began, and is complete when no child is left.
type root struct {
	Config
	watch watch
	done  chan struct{}

	listener, finder, peers, guests *actor.PID
	stopping, cutting               bool
	busy                            map[string]bool // children, by the id of their PID, that have not yet ended what Stop began
	left                            int             // children
}

// Receive implements actor.Actor.
func (r *root) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.start(ctx)
	case *actor.Stopping:
		r.watch.end()
	case *actor.Stopped:
		close(r.done)
	case looked:
		r.looked(ctx, m)
	case trust.Change:
		ctx.Send(r.peers, m)
		if m.Kind == trust.Added {
			ctx.Send(r.finder, finder.Trusted{Key: m.Peer.Key})
		}
	case peers.Connect:
		if r.stopping {
			m.Done <- peers.ErrStopping
			return
		}
		ctx.Send(r.peers, m)
	case listener.Accept:
		if r.stopping { // the listener may be gone
			_ = m.From.Close()
			close(m.Started)
			return
		}
		ctx.Send(r.listener, m)
	case finder.Listens:
		ctx.Send(r.finder, m)
	case peers.Wake:
		ctx.Send(r.peers, m)
	case session.Proved:
		if m.Link.IsGuest() {
			ctx.Send(r.guests, m)
		} else {
			ctx.Send(r.peers, m)
		}
	case guests.Begin, guests.CloseGuests, guests.CloseBlocked:
		ctx.Send(r.guests, m)
	case peers.Up:
		up := finder.Connected{Key: m.Key, Home: m.Addr.Addr()}
		if m.Role == handshake.Initiator {
			up.Addr = m.Addr // else it is not where the peer listens
		}
		ctx.Send(r.finder, up)
		r.Tell(m)
	case peers.Down:
		ctx.Send(r.finder, finder.Disconnected{Key: m.Key, Home: m.Addr, Broke: peers.Breaks(m.Reason)})
		r.Tell(m)
	case finder.Change, finder.Problem, session.Refused, peers.Conflict, guests.Came, guests.Gone:
		r.Tell(m)
	case stop:
		r.stop(ctx)
	case cut:
		r.cut(ctx)
	case finder.Stopped:
		r.childDone(ctx, r.finder)
	case peers.Stopped:
		r.childDone(ctx, r.peers)
	case guests.Stopped:
		r.childDone(ctx, r.guests)
	case *actor.Terminated:
		ctx.Send(ctx.Self(), childStopped{m.Who})
	case childStopped:
		r.childStopped(ctx, m.who)
	}
}

func (r *root) start(ctx actor.Context) {
	system, self := ctx.ActorSystem(), ctx.Self()
	tell := func(m any) { system.Root.Send(self, m) }
	r.Config.Peers.Tell, r.Config.Finder.Tell, r.Config.Listener.Tell, r.Config.Guests.Tell = tell, tell, tell, tell
	r.peers = ctx.SpawnPrefix(peers.Props(&r.Config.Peers), "peers")
	r.Config.Finder.TellPeers = func(c finder.Change) { system.Root.Send(r.peers, c) }
	r.finder = ctx.SpawnPrefix(finder.Props(&r.Config.Finder), "finder")
	r.listener = ctx.SpawnPrefix(listener.Props(&r.Config.Listener), "listener")
	r.guests = ctx.SpawnPrefix(guests.Props(&r.Config.Guests), "guests")
	r.left = 4
	r.watch = watch{Interfaces: r.Interfaces, Clock: r.Clock, post: tell}
	r.watch.next(time.Nanosecond) // not 0: golang/go#78156
}

// stop lets the children end what they do.
func (r *root) stop(ctx actor.Context) {
	if r.stopping {
		return
	}
	r.stopping, r.busy = true, map[string]bool{r.finder.Id: true, r.peers.Id: true, r.guests.Id: true}
	ctx.Send(r.listener, listener.Stop{})
	ctx.Send(r.finder, finder.Stop{})
	ctx.Send(r.peers, peers.Stop{})
	ctx.Send(r.guests, guests.Stop{})
}

// childDone stops the children once none of them is busy with what Stop began.
func (r *root) childDone(ctx actor.Context, child *actor.PID) {
	if delete(r.busy, child.Id); len(r.busy) == 0 {
		r.cut(ctx)
	}
}

// cut stops the children, whatever they do.
func (r *root) cut(ctx actor.Context) {
	if r.cutting {
		return
	}
	r.stopping, r.cutting = true, true
	for _, child := range ctx.Children() {
		ctx.Stop(child)
	}
}

// childStopped goes on with the end of the node. If a child actor dies by itself, the node stops: half a node must not
// look healthy. The log has the child's panic.
func (r *root) childStopped(ctx actor.Context, child *actor.PID) {
	if !r.stopping {
		r.Log.Error("the node stops: one of its actors failed", "actor", child.Id)
	}
	r.childDone(ctx, child)
	if r.left--; r.left == 0 {
		ctx.Stop(ctx.Self())
	}
}
