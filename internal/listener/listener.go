// Package listener accepts connections and bounds what has not authenticated (wire.md §9, §12).
//
// Its children are the sessions that others initiate, for their whole life: one that fails is stopped and
// costs nobody else anything. Once a session has proved its peer it is the node's to direct.
package listener

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// A Config is what the listener needs; every field is required.
type Config struct {
	Listener net.Listener // the actor's from now on
	Session  *session.Config
	Clock    clock.Clock
	Log      *slog.Logger
	Pool     *actorkit.Pool

	Strangers, StrangersPerSource int

	// Tell hands session.Proved and session.Refused to the node. It does not block.
	Tell func(any)
}

// Stop ends accepting, at once; sessions go on.
type Stop struct{}

// acceptsAhead bounds the connections that are accepted and not yet looked at; there may be one more.
const acceptsAhead = 16

// Accepting goes on after an error, with a pause that doubles between these.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = time.Second
)

// Events from its own goroutine.
type (
	accepted     struct{} // arrived has one more
	acceptPaused struct {
		err   error
		pause time.Duration
	}
)

func (accepted) IgnoreDeadLetterLogging()     {}
func (acceptPaused) IgnoreDeadLetterLogging() {}

// Props describes the listener's actor.
func Props(c *Config) *actor.Props {
	return actorkit.Props(c.Pool, c.Log, func() actor.Actor {
		return &listener{Config: c, strangers: newStrangers(c.Strangers, c.StrangersPerSource),
			pids: make(map[string]*actor.PID), arrived: make(chan net.Conn, acceptsAhead), stop: make(chan struct{})}
	})
}

// A listener is the actor that owns the listening socket.
type listener struct {
	*Config
	strangers *strangers
	pids      map[string]*actor.PID // of strangers, by id
	arrived   chan net.Conn         // accepted, and not yet looked at
	stop      chan struct{}         // closed when nothing more is to be accepted
	stopped   bool
	warned    time.Time     // of strangers that make room
	unwarned  uint64        // of them since
	paused    limiter.Lines // pauses in accepting
	join      sync.WaitGroup
}

// Receive implements actor.Actor.
func (l *listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		system, self := ctx.ActorSystem(), ctx.Self()
		l.join.Add(1)
		go func() {
			defer l.join.Done()
			l.accept(func(m any) { system.Root.Send(self, m) })
		}()
	case *actor.Stopping:
		l.abandon()
	case Stop:
		l.close()
	case accepted:
		select {
		case conn := <-l.arrived:
			l.accepted(ctx, conn)
		default: // abandon has reset it
		}
	case acceptPaused:
		if ok, dropped := l.paused.Allow(l.Clock.Now()); ok { // strangers can bring it about
			l.Log.Warn("cannot accept connections for now", "err", m.err, "pause", m.pause, "not_logged", dropped)
		}
		if errors.Is(m.err, syscall.EMFILE) || errors.Is(m.err, syscall.ENFILE) {
			// Strangers that hold what file descriptors there are must not keep a peer out.
			if crowd := l.strangers.crowd(); len(crowd) > 0 {
				l.evict(ctx, crowd[0].id)
			}
		}
	case session.Proved:
		if l.forget(m.Link.ID()) { // else it has been told to make room
			l.Tell(m)
		}
	case session.Refused:
		l.Tell(m)
	case session.Ended:
		l.ended(m)
	case *actor.Terminated:
		l.forget(m.Who.GetId())
	}
}

func (l *listener) accepted(ctx actor.Context, conn net.Conn) {
	if l.stopped {
		session.Reset(conn)
		return
	}
	l.Session.Counters.Connection()
	var addr netip.Addr
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		addr = a.AddrPort().Addr()
	}
	pid := ctx.Spawn(session.Props(session.Params{Config: l.Session, Conn: conn, Role: handshake.Responder, Owner: ctx.Self()}))
	limit, value := l.strangers.full(addr)
	if old := l.strangers.add(pid.GetId(), addr, l.Clock.Now()); old != "" {
		l.warn(addr, limit, value)
		l.evict(ctx, old)
	}
	l.pids[pid.GetId()] = pid
	l.Session.Counters.SetStrangers(len(l.pids))
}

// warnEvery is how often it is logged that strangers make room.
const warnEvery = time.Minute

// warn logs that one more stranger from addr than a limit allows makes another go.
func (l *listener) warn(addr netip.Addr, limit string, value int) {
	l.unwarned++
	now := l.Clock.Now()
	if !l.warned.IsZero() && now.Sub(l.warned) < warnEvery {
		return
	}
	l.Log.Warn("connections that have not authenticated make room for newer ones: is this a flood? if not, raise the limit",
		"addr", addr, "reset", l.unwarned, "limit", "Limits."+limit, "value", value)
	l.warned, l.unwarned = now, 0
}

// evict resets a stranger, so that there is room.
func (l *listener) evict(ctx actor.Context, id string) {
	ctx.Send(l.pids[id], session.Close{Reason: envelope.ReasonBusy})
	l.forget(id)
}

// forget is a stranger that is none any more; false: it was none.
func (l *listener) forget(id string) bool {
	_, known := l.pids[id]
	l.strangers.remove(id)
	delete(l.pids, id)
	l.Session.Counters.SetStrangers(len(l.pids))
	return known
}

func (l *listener) ended(m session.Ended) {
	l.forget(m.Session.GetId())
	if m.Reason == session.ReasonHandshake && !errors.Is(m.Err, handshake.ErrUntrusted) {
		l.Log.Debug("handshake failed", "addr", m.Addr, "err", m.Err)
	}
}

// abandon is the end, however it came to it.
func (l *listener) abandon() {
	l.close()
	l.join.Wait()
	for len(l.arrived) > 0 {
		session.Reset(<-l.arrived)
	}
}

func (l *listener) close() {
	if !l.stopped {
		l.stopped = true
		close(l.stop)
		_ = l.Listener.Close()
	}
}

// accept accepts until the listener is closed. It runs in a goroutine of its own.
func (l *listener) accept(post func(any)) {
	pause := firstPause
	for {
		conn, err := l.Listener.Accept()
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
			return
		}
		post(acceptPaused{err, pause})
		wait := make(chan struct{})
		cancel := l.Clock.AfterFunc(pause, func() { close(wait) })
		select {
		case <-wait:
		case <-l.stop:
			cancel()
			return
		}
		pause = min(maxPause, 2*pause)
	}
}
