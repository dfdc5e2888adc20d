package session

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
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
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// The keys of the tests. A session has ours, whom it talks to has theirs; nobody trusts the stranger.
var (
	ours     = keysFrom(0x01)
	theirs   = keysFrom(0x21)
	stranger = keysFrom(0x81)
)

// keysFrom returns the key pair whose private half counts up from first.
func keysFrom(first byte) identity.KeyPair {
	var b [identity.PrivateKeySize]byte
	for i := range b {
		b[i] = first + byte(i)
	}
	k, err := identity.NewKeyPair(b[:])
	if err != nil {
		panic(err)
	}
	return k
}

// A world is what the sessions of one test live in: actors, a network in memory and a clock that knows which of
// its timers still wait.
type world struct {
	*testing.T
	system *actor.ActorSystem
	pool   *actorkit.Pool
	clock  *countingClock
	warned atomic.Int64 // warnings logged

	network  *memnet.Network
	near     *memnet.Host
	far      *memnet.Host
	listener net.Listener
	conns    []net.Conn // ends that are the test's to close
	ends     []*end
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
	w := &world{T: t, pool: actorkit.NewPool(8), clock: &countingClock{waiting: make(map[int]bool)}, network: memnet.New(1)}
	quiet := slog.New(slog.DiscardHandler)
	w.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond)) // its goroutine outlives a dead letter by that
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
		w.system.Root.Stop(e.pid)
	}
	for _, c := range w.conns {
		_ = c.Close()
	}
	_ = w.listener.Close()
	synctest.Wait()
	for _, e := range w.ends {
		e.check()
		w.system.Root.Stop(e.owner)
	}
	synctest.Wait()
	if s := w.network.Stats(); s.Conns != 0 || s.Listeners != 0 {
		w.Errorf("sockets are left open: %+v", s)
	}
	if n := w.clock.count(); n != 0 {
		w.Errorf("%d timers are left", n)
	}
	time.Sleep(2 * time.Second) // the library looks at dead letters for a second
	w.pool.Close()
	w.system.Shutdown()
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
		Clock: w.clock, Log: slog.New(&watcher{broken: func(text string) { w.Error(text) }, warned: &w.warned}), Pool: w.pool,
		Trusted: func(k identity.PublicKey) bool {
			return slices.ContainsFunc(trusted, func(t identity.KeyPair) bool { return t.PublicKey() == k })
		},
		Compute:    make(chan struct{}, 2),
		FrameLimit: frame.DefaultLimit, QueueBytes: 2 << 20,
		HandshakeTimeout: 10 * time.Second, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second,
		WriteStall: 30 * time.Second, Linger: 30 * time.Second, Counters: new(counters.Node),
	}
}

// A watcher is a log that fails the test for what must never happen: an actor that panics.
type watcher struct {
	slog.Handler // nil: With and WithGroup are not used
	broken       func(text string)
	warned       *atomic.Int64 // nil: not counted
}

func (l *watcher) Enabled(context.Context, slog.Level) bool { return true }

func (l *watcher) Handle(_ context.Context, r slog.Record) error {
	switch {
	case r.Level >= slog.LevelError:
		text := r.Message
		r.Attrs(func(a slog.Attr) bool {
			text += "\n" + a.String()
			return true
		})
		l.broken("logged: " + text)
	case r.Level >= slog.LevelWarn && l.warned != nil:
		l.warned.Add(1)
	}
	return nil
}

// A countingClock is the system's clock, and knows which of its timers have neither fired nor been stopped.
type countingClock struct {
	mu      sync.Mutex // guards the rest
	last    int
	waiting map[int]bool
}

func (c *countingClock) Now() time.Time { return clock.System.Now() }

func (c *countingClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	id := c.last
	c.waiting[id] = true
	stop := clock.System.AfterFunc(d, func() {
		c.forget(id)
		f()
	})
	return func() bool {
		c.forget(id)
		return stop()
	}
}

func (c *countingClock) forget(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *countingClock) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
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
	e := &end{world: w, config: c, detain: detain}
	if c.Serve == nil {
		c.Serve = func(l *Link) Inbound {
			e.served = newStub(l)
			return e.served
		}
	}
	p := Params{Config: c, Conn: conn, Role: role}
	if role == handshake.Initiator {
		p.Expect = theirs.PublicKey()
		if c.Static == theirs {
			p.Expect = ours.PublicKey()
		}
	}
	e.owner = w.system.Root.Spawn(actorkit.RootProps(w.pool, c.Log, func() actor.Actor { return (*owner)(e) }))
	p.Owner = e.owner
	w.system.Root.Send(e.owner, actorkit.Props(c.Pool, c.Log, func() actor.Actor {
		return &glass{newSession(p)}
	}))
	w.ends = append(w.ends, e)
	synctest.Wait()
	return e
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
func (e *end) tell(m any) { e.system.Root.Send(e.pid, m) }

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
