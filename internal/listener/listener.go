// Package listener accepts connections and bounds what has not authenticated (wire.md §9, §12).
//
// It accepts from any number of sockets, which come and go while it runs. Its children are the sessions that others initiate, for their whole life: one that fails is stopped, and no other is
// affected. Once a session has proved its peer, the node directs it.
package listener

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A Config is what the listener needs; every field is required.
type Config struct {
	Listener net.Listener    // the first socket, the actor's from now on
	Session  *session.Config // its clock, log and pool are the listener's as well

	Strangers, StrangersPerSource int

	Guests, GuestsPerSource int // sessions of guests

	// Tell hands session.Proved and session.Refused to the node. It does not block.
	Tell func(any)
}

// Commands from the node.
type (
	// Accept has connections accepted from one more socket, which is the listener's from now on; others may close it, and so
	// end that at once. Connections that were accepted go on. Started is closed when the listener has the socket, or has
	// closed it because it has stopped. If the listener ends there may be no answer: then the sender closes the socket.
	Accept struct {
		From    net.Listener
		Started chan<- struct{}
	}

	// Stop ends accepting, at once; sessions go on.
	Stop struct{}
)

// acceptsAhead bounds the connections that are accepted and wait for the actor; there may be one more.
const acceptsAhead = 16

// trustedShare is how many times Limits.Strangers the trusted sources may have together, and one of them alone. A stranger at
// a trusted source can use all of it; strangers elsewhere cannot.
const trustedShare = 4

// Accepting goes on after an error, with a pause that doubles between these.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = time.Second
)

// Events from its own goroutines, of which each socket has one.
type (
	accepted     struct{}                      // arrived has one more
	closed       struct{ socket net.Listener } // others have closed it
	acceptPaused struct {
		err   error
		pause time.Duration
	}
)

func (Accept) IgnoreDeadLetterLogging()       {}
func (accepted) IgnoreDeadLetterLogging()     {}
func (closed) IgnoreDeadLetterLogging()       {}
func (acceptPaused) IgnoreDeadLetterLogging() {}

// Props describes the listener's actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Session.Pool, c.Session.Log, func() actor.Actor {
		all := limit{"4 × Limits.Strangers", trustedShare * c.Strangers}
		return &listener{Config: c, fromTrusted: newStrangers(all, all), guests: newGuests(c.Guests, c.GuestsPerSource),
			strangers: newStrangers(limit{"Limits.Strangers", c.Strangers}, limit{"Limits.StrangersPerSource", c.StrangersPerSource}),
			arrived:   make(chan net.Conn, acceptsAhead), stop: make(chan struct{}), evictions: limiter.Lines{Most: 1}}
	})
}

// A listener is the actor that owns the listening sockets. They share its limits.
type listener struct {
	*Config
	sockets     []net.Listener
	strangers   *strangers // from other sources
	guests      *guests
	fromTrusted *strangers    // from sources where a trusted key has authenticated: many peers may share one
	arrived     chan net.Conn // accepted, not yet taken by the actor
	stop        chan struct{} // closed when nothing more is to be accepted
	stopped     bool
	evictions   limiter.Lines // about strangers that make room
	pauses      limiter.Lines // about pauses in accepting
	join        sync.WaitGroup
}

// Receive implements actor.Actor.
func (l *listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.open(ctx, l.Listener)
	case *actor.Stopping:
		l.release()
	case Accept:
		l.open(ctx, m.From)
		close(m.Started)
	case Stop:
		l.close()
	case accepted:
		select {
		case conn := <-l.arrived:
			l.accepted(ctx, conn)
		default: // release has reset it
		}
	case closed:
		l.sockets = slices.DeleteFunc(l.sockets, func(s net.Listener) bool { return s == m.socket })
	case acceptPaused:
		rest := func(dropped uint64) {
			l.Session.Log.Warn("could not accept connections", "not_logged", dropped)
		}
		if ok, dropped := l.pauses.Allow(l.Session.Clock, 1, rest); ok { // strangers can cause it
			l.Session.Log.Warn("cannot accept connections for now", "err", m.err, "pause", m.pause, "not_logged", dropped)
		}
		if errors.Is(m.err, syscall.EMFILE) || errors.Is(m.err, syscall.ENFILE) {
			// Strangers that hold all file descriptors must not keep a peer out.
			crowd := l.fromTrusted.largestSource()
			if others := l.strangers.largestSource(); len(others) >= len(crowd) {
				crowd = others
			}
			if len(crowd) > 0 {
				l.evict(ctx, crowd[0].id)
			}
		}
	case session.Proved:
		id := m.Link.ID()
		if !l.isStranger(id) || m.Link.IsGuest() && !l.letIn(ctx, m.Link) {
			return // a session that is no stranger any more was evicted, or is gone: Terminated overtakes what it has sent
		}
		l.forget(id)
		l.Tell(m)
	case session.Refused:
		l.Tell(m)
	case session.Ended:
		l.ended(m)
	case *actor.Terminated:
		l.forget(m.Who.GetId())
		l.guests.remove(m.Who.GetId())
	}
}

// open accepts from a socket, in a goroutine.
func (l *listener) open(ctx actor.Context, socket net.Listener) {
	if l.stopped {
		_ = socket.Close()
		return
	}
	l.sockets = append(l.sockets, socket)
	system, self := ctx.ActorSystem(), ctx.Self()
	l.join.Go(func() { l.accept(socket, func(m any) { system.Root.Send(self, m) }) })
}

func (l *listener) accepted(ctx actor.Context, conn net.Conn) {
	if l.stopped {
		session.Reset(conn)
		return
	}
	l.Session.Counters.Connections.Add(1)
	addr := session.AddrOf(conn.RemoteAddr()).Addr()
	pid := session.Spawn(ctx, session.Params{Config: l.Session, Conn: conn, Role: handshake.Responder, Owner: ctx.Self()})
	source, room := limiter.SourceOf(addr), l.strangers
	if l.Session.IsTrustedSource(source) {
		room = l.fromTrusted
	}
	if old, limit := room.add(pid.GetId(), source, l.Session.Clock.Now()); old != "" {
		l.warnOfEviction(addr, limit)
		l.evict(ctx, old)
	}
	l.countStrangers()
}

// warnOfEviction logs, once in a while, that a stranger from addr was one too many for a limit.
func (l *listener) warnOfEviction(addr netip.Addr, limit limit) {
	rest := func(dropped uint64) {
		l.Session.Log.Warn("unauthenticated connections were reset at the limit since the last line about them", "reset", dropped)
	}
	if ok, before := l.evictions.Allow(l.Session.Clock, 1, rest); ok {
		l.Session.Log.Warn("unauthenticated connections were reset at the limit; raise it if this is not an attack",
			"addr", addr, "reset", before+1, "limit", limit.name, "value", limit.value)
	}
}

// evict resets a stranger, so that there is room.
func (l *listener) evict(ctx actor.Context, id string) {
	ctx.Send(ctx.ActorSystem().NewLocalPID(id), session.Close{Reason: envelope.ReasonBusy})
	l.forget(id)
}

// isStranger says whether a session counts among the strangers.
func (l *listener) isStranger(id string) bool { return l.strangers.has(id) || l.fromTrusted.has(id) }

// forget removes a stranger, if there is one: it has authenticated, or it is gone.
func (l *listener) forget(id string) {
	if !l.strangers.remove(id) {
		l.fromTrusted.remove(id)
	}
	l.countStrangers()
}

func (l *listener) countStrangers() {
	l.Session.Counters.Strangers.Store(int64(len(l.strangers.byID) + len(l.fromTrusted.byID)))
}

func (l *listener) ended(m session.Ended) {
	l.forget(m.Session.GetId())
	if m.Reason == session.ReasonHandshake && !errors.Is(m.Err, handshake.ErrUntrusted) {
		l.Session.Log.Debug("handshake failed", "addr", m.Addr, "err", m.Err)
	}
}

// release ends the listener when the actor stops, for whatever reason.
func (l *listener) release() {
	l.close()
	l.join.Wait()
	for len(l.arrived) > 0 {
		session.Reset(<-l.arrived)
	}
	l.evictions.Flush()
	l.pauses.Flush()
}

func (l *listener) close() {
	if !l.stopped {
		l.stopped = true
		close(l.stop)
		for _, s := range l.sockets {
			_ = s.Close() // others may have closed it
		}
	}
}

// accept accepts until the socket is closed. It runs in a goroutine of its own.
func (l *listener) accept(socket net.Listener, post func(any)) {
	pause := firstPause
	for {
		conn, err := socket.Accept()
		if err == nil {
			pause = firstPause
			select {
			case l.arrived <- conn:
				post(accepted{})
			case <-l.stop:
				session.Reset(conn)
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			post(closed{socket})
			return
		}
		post(acceptPaused{err, pause})
		select {
		case <-time.After(pause):
		case <-l.stop:
			return
		}
		pause = min(maxPause, 2*pause)
	}
}
