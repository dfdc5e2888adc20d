package session

import (
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// The keys of the tests. A session has ours, the other end has theirs; no session trusts the last.
var (
	ours      = kit.KeyPair(0x01)
	theirs    = kit.KeyPair(0x21)
	untrusted = kit.KeyPair(0x81)
)

// A world is what the sessions of one test live in: actors, a network in memory and a clock that knows which of
// its timers still wait.
type world struct {
	*testing.T
	*kit.Actors
	clock *kit.CountingClock
	log   *kit.Log

	network  *memnet.Network
	near     *memnet.Host
	far      *memnet.Host
	listener net.Listener
	conns    []net.Conn // ends that are the test's to close
	ends     []*end
	asGuest  bool // spawn's next session is that of an initiator that comes as a guest
}

// bubble runs f in a world of its own. When f is done, each of its sessions must have ended exactly once, or does
// so now, and have left no goroutine, no socket and no timer.
func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		t.Cleanup(w.close)
		f(t, w)
	})
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, Actors: kit.NewActors(), clock: &kit.CountingClock{Clock: clock.System}, log: kit.NewAlarm(t), network: memnet.New(1)}
	w.near = w.network.Host(netip.MustParseAddr("10.0.0.1"))
	w.far = w.network.Host(netip.MustParseAddr("10.0.0.2"))
	var err error
	if w.listener, err = w.far.Listen(t.Context(), "tcp", "10.0.0.2:1"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) close() {
	for _, e := range w.ends {
		w.System.Root.Stop(e.pid)
	}
	for _, c := range w.conns {
		_ = c.Close()
	}
	_ = w.listener.Close()
	synctest.Wait()
	for _, e := range w.ends {
		e.check()
		w.System.Root.Stop(e.owner)
	}
	synctest.Wait()
	if s := w.network.Stats(); s.Conns != 0 || s.Listeners != 0 {
		w.Errorf("sockets are left open: %+v", s)
	}
	if n := w.clock.Waiting(); n != 0 {
		w.Errorf("%d timers are left", n)
	}
	w.Actors.Close()
}

// pipe returns the two ends of a connection.
func (w *world) pipe() (near, far net.Conn) {
	w.Helper()
	near, err := w.near.Dial(w.Context(), "tcp", w.listener.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	if far, err = w.listener.Accept(); err != nil {
		w.Fatal(err)
	}
	return near, far
}

// config returns the configuration of a node with those keys that trusts the given ones, with the defaults of
// wire.md §9.
func (w *world) config(keys identity.KeyPair, trusted ...identity.KeyPair) *Config {
	return &Config{
		Static: keys, Hello: envelope.Hello{Version: envelope.Version, Agent: "test/1"}, Rand: rand.Reader,
		Clock: w.clock, Log: w.log.Logger(), Pool: w.Pool,
		Trusted: func(k identity.PublicKey) bool {
			return slices.ContainsFunc(trusted, func(t identity.KeyPair) bool { return t.PublicKey() == k })
		},
		Compute:    make(chan struct{}, 2),
		FrameLimit: frame.DefaultLimit, QueueBytes: 2 << 20, Parts: testParts,
		HandshakeTimeout: 10 * time.Second, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second,
		WriteStall: 30 * time.Second, Linger: 30 * time.Second, LingerReplaced: 30 * time.Second, StreamBytes: 64 << 20, GuestPace: 8 << 20, Counters: new(counters.Node),
	}
}

// An end is one session under test, and what its owner has heard of it.
type end struct {
	*world
	config *Config
	pid    *actor.PID
	owner  *actor.PID
	served *stub // what answers the peer, once the session is admitted
	detain bool  // do not admit

	mu     sync.Mutex // guards the rest
	link   *Link
	events []any
}

// spawn starts a session on conn. If it proves its peer it is admitted, unless it is to be detained.
func (w *world) spawn(c *Config, conn net.Conn, role handshake.Role, detain bool) *end {
	w.Helper()
	return w.spawnIn(handshake.Native, c, conn, role, detain)
}

// spawnIn is spawn; an initiator speaks that dialect.
func (w *world) spawnIn(d handshake.Dialect, c *Config, conn net.Conn, role handshake.Role, detain bool) *end {
	w.Helper()
	e := &end{world: w, config: c, detain: detain}
	if c.Serve == nil {
		c.Serve = func(l *Link) Inbound {
			e.served = newStub(l)
			return e.served
		}
	}
	p := Params{Config: c, Conn: conn, Role: role}
	if w.asGuest {
		p.Guest = true
	} else if role == handshake.Initiator {
		p.Expect, p.Dialect = theirs.PublicKey(), d
		if c.Static == theirs {
			p.Expect = ours.PublicKey()
		}
	}
	e.owner = w.System.Root.Spawn(actorkit.RootProps(w.Pool, c.Log, func() actor.Actor { return (*owner)(e) }))
	p.Owner = e.owner
	w.System.Root.Send(e.owner, actorkit.Props(c.Pool, c.Log, func() actor.Actor {
		return &glass{newSession(p)}
	}))
	w.ends = append(w.ends, e)
	synctest.Wait()
	return e
}

// spawnAsGuest is spawn for an initiator that comes as a guest.
func (w *world) spawnAsGuest(c *Config, conn net.Conn) *end {
	w.Helper()
	w.asGuest = true
	defer func() { w.asGuest = false }()
	return w.spawn(c, conn, handshake.Initiator, false)
}

// A glass is a session that can be looked into.
type glass struct{ *session }

// Receive implements actor.Actor.
func (g *glass) Receive(ctx actor.Context) {
	if f, ok := ctx.Message().(func(*session)); ok {
		f(g.session)
		return
	}
	g.session.Receive(ctx)
}

// look runs f in the session's actor, and fails if there is none any more.
func (e *end) look(f func(*session)) {
	e.Helper()
	if events := e.heard(); slices.ContainsFunc(events, func(m any) bool { _, ok := m.(Ended); return ok }) {
		e.Fatalf("the session has ended: its owner heard %v", kinds(events))
	}
	done := make(chan struct{})
	e.tell(func(s *session) {
		f(s)
		close(done)
	})
	<-done
}

// An owner is the parent of one session.
type owner end

// Receive implements actor.Actor.
func (o *owner) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Props:
		o.pid = ctx.Spawn(m)
	case Proved:
		o.hear(m)
		if !o.detain {
			m.Link.Admit(ctx.Self())
		}
	case Refused, Up, Greeted, HalfClosed, RotationDue, Ending, Probed, Ended:
		o.hear(m)
	}
}

func (o *owner) hear(m any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p, ok := m.(Proved); ok {
		o.link = p.Link
	}
	o.events = append(o.events, m)
}

// heard returns the events so far, once all that can happen without time going on has happened.
func (e *end) heard() []any {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events)
}

// ended returns how the session ended, once all that can happen without time going on has happened.
func (e *end) ended() Ended {
	e.Helper()
	events := e.heard()
	if len(events) > 0 {
		if m, ok := events[len(events)-1].(Ended); ok {
			return m
		}
	}
	e.look(func(s *session) { e.Errorf("the session is %v; its owner heard %v", s.state, kinds(events)) })
	e.FailNow()
	panic("unreachable")
}

// alive fails unless the session is in that state.
func (e *end) alive(want state) {
	e.Helper()
	e.look(func(s *session) {
		if s.state != want {
			e.Errorf("the session is %v, want %v", s.state, want)
		}
	})
	if e.Failed() {
		e.FailNow()
	}
}

// tell gives the session's actor a message.
func (e *end) tell(m any) { e.System.Root.Send(e.pid, m) }

// check fails unless the session has ended, exactly once, and everybody who was to hear of it did.
func (e *end) check() {
	e.Helper()
	n := 0
	events := e.heard()
	for _, m := range events {
		if _, ok := m.(Ended); ok {
			n++
		}
	}
	if n != 1 {
		e.Errorf("%d Ended: %v", n, kinds(events))
		return
	}
	last, ok := events[len(events)-1].(Ended)
	if !ok {
		e.Errorf("something follows Ended: %v", kinds(events))
	}
	if last.Session == nil || !last.Session.Equal(e.pid) {
		e.Errorf("Ended.Session = %v, want %v", last.Session, e.pid)
	}
	if (last.Link != nil) != slices.ContainsFunc(events, func(m any) bool { _, ok := m.(Proved); return ok }) {
		e.Errorf("Ended.Link = %v after %v", last.Link, kinds(events))
	}
	if last.WasUp != slices.ContainsFunc(events, func(m any) bool { _, ok := m.(Up); return ok }) {
		e.Errorf("Ended.WasUp = %v after %v", last.WasUp, kinds(events))
	}
	if e.served != nil {
		e.served.check(e.T)
	}
}

// kinds names events.
func kinds(events []any) []string {
	var names []string
	for _, m := range events {
		name := ""
		switch m := m.(type) {
		case Proved:
			name = "proved"
		case Refused:
			name = "refused"
		case Up:
			name = "up"
		case Greeted:
			name = "greeted"
		case HalfClosed:
			name = "half-closed " + string(m.Bye.Code)
		case RotationDue:
			name = "rotation due"
		case Ending:
			name = "ending " + string(m.End.Reason)
		case Probed:
			name = "probed dead"
			if m.Alive {
				name = "probed alive"
			}
		case Ended:
			name = "ended " + string(m.Reason)
			if m.ByPeer {
				name += " by peer"
			}
		}
		names = append(names, name)
	}
	return names
}
