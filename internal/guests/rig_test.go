package guests

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"strings"
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
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

const (
	idleTime = 10 * time.Second
	lifeTime = 5 * time.Minute
)

var (
	ours   = kit.KeyPair(0x01)
	theirs = kit.KeyPair(0x21)
)

// A rig is the actor in the hands of a test, which is its parent, its listener, and the node at the other end of its one session. No
// time passes on it but what a test lets pass.
type rig struct {
	*testing.T
	*kit.Actors
	network  *memnet.Network
	config   *Config
	parent   *actor.PID
	pid      *actor.PID
	far      *kit.RawPeer
	conns    []net.Conn // the other ends
	begun    chan Begun
	lastCall uint64

	mu      sync.Mutex // guards the rest
	takes   bool
	blocked bool
	told    []string
	said    []string // by the session to the other end
	link    *session.Link
}

// onRig runs f on a rig of its own. When f is done the actor stops, and must leave no goroutine, no socket and no caller behind.
func onRig(t *testing.T, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, Actors: kit.NewActors(), network: memnet.New(1), begun: make(chan Begun, 1), takes: true}
		log := kit.NewAlarm(t).Logger()
		r.config = &Config{
			Session: &session.Config{
				Static: ours, Hello: envelope.Hello{Version: envelope.Version}, Rand: rand.Reader, Clock: clock.System, Log: log, Pool: r.Pool,
				Trusted: func(identity.PublicKey) bool { return false }, Blocked: func(identity.PublicKey) bool { return r.is(&r.blocked) },
				TakesGuests: func() bool { return r.is(&r.takes) }, Serve: func(*session.Link) session.Inbound { return new(silent) },
				Compute: make(chan struct{}, 2), FrameLimit: frame.DefaultLimit, QueueBytes: 2 << 20, GuestPace: session.PaceOfGuest,
				HandshakeTimeout: 2 * idleTime, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second,
				WriteStall: 30 * time.Second, Linger: 30 * time.Second, LingerReplaced: 30 * time.Second, StreamBytes: 64 << 20, Counters: new(counters.Node),
			},
			Idle: idleTime, Life: lifeTime, Tell: r.tell,
		}
		r.parent = r.System.Root.Spawn(actorkit.RootProps(r.Pool, log, func() actor.Actor { return (*above)(r) }))
		synctest.Wait()
		f(r)
		r.System.Root.Stop(r.pid)
		for _, c := range r.conns {
			_ = c.Close()
		}
		time.Sleep(2 * time.Second) // of a session's last words
		r.System.Root.Stop(r.parent)
		synctest.Wait()
		if s := r.network.Stats(); s.Conns != 0 {
			t.Errorf("sockets are left open: %+v", s)
		}
		r.Actors.Close()
	})
}

// An above is the parent of the actor and of sessions of guests, and so the root and the listener.
type above rig

// Receive implements actor.Actor.
func (a *above) Receive(ctx actor.Context) {
	r := (*rig)(a)
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.pid = ctx.Spawn(actorkit.Props(r.Pool, r.config.Session.Log, func() actor.Actor { return &glass{newTable(r.config)} }))
	case *session.Params:
		m.Owner = ctx.Self()
		session.Spawn(ctx, *m)
	case session.Proved:
		r.mu.Lock()
		r.link = m.Link
		r.mu.Unlock()
	}
}

// A glass is the actor, which can be looked into.
type glass struct{ *table }

// Receive implements actor.Actor.
func (g *glass) Receive(ctx actor.Context) {
	if f, ok := ctx.Message().(func(*table)); ok {
		f(g.table)
		return
	}
	g.table.Receive(ctx)
}

// atLimit has the actor count as many hosts as there may be.
func (r *rig) atLimit() {
	r.give(func(t *table) {
		for i := len(t.hosts); i < MaxHosts; i++ {
			t.hosts[fmt.Sprint("host ", i)] = &host{}
		}
	})
}

// silent answers no call.
type silent struct{}

func (*silent) Call(*envelope.Envelope) error          { return nil }
func (*silent) Begin()                                 {}
func (*silent) Send(*envelope.Envelope)                {}
func (*silent) Cancel(envelope.CallID)                 {}
func (*silent) OpenChain(*envelope.Envelope, int) bool { return false }
func (*silent) Discard(*envelope.Envelope) error       { return nil }
func (*silent) CloseChain()                            {}
func (*silent) EndRequests()                           {}
func (*silent) Pending() int                           { return 0 }
func (*silent) Close(envelope.Reason)                  {}

func (r *rig) is(what *bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *what
}

func (r *rig) set(what *bool, value bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*what = value
}

// tell is Config.Tell.
func (r *rig) tell(m any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m := m.(type) {
	case Came:
		r.told = append(r.told, "+came")
	case Gone:
		r.told = append(r.told, "+gone "+string(m.Reason))
	case Stopped:
		r.told = append(r.told, "+stopped")
	}
}

// give gives the actor a message.
func (r *rig) give(m any) {
	r.System.Root.Send(r.pid, m)
	synctest.Wait()
}

// pipe returns the ends of a new connection: this node's, and the other's.
func (r *rig) pipe() (near, far net.Conn) {
	r.Helper()
	lan := byte(len(r.conns) + 1)
	here, there := netip.AddrFrom4([4]byte{10, 0, 0, lan}), netip.AddrFrom4([4]byte{10, 0, 1, lan})
	l, err := r.network.Host(there).Listen(r.Context(), "tcp", netip.AddrPortFrom(there, 1).String())
	if err != nil {
		r.Fatal(err)
	}
	defer l.Close()
	if near, err = r.network.Host(here).Dial(r.Context(), "tcp", l.Addr().String()); err != nil {
		r.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		r.Fatal(err)
	}
	r.conns = append(r.conns, far)
	return near, far
}

// connect has a guest prove its key to a session that the actor does not know yet.
func (r *rig) connect() {
	r.Helper()
	near, far := r.pipe()
	r.System.Root.Send(r.parent, &session.Params{Config: r.config.Session, Conn: near, Role: handshake.Responder})
	r.far = kit.NewRawPeer(r, far, handshake.Initiator, theirs, ours.PublicKey())
	r.far.BeginAsGuest(theirs)
	r.far.Handshake()
	go r.listen(r.far)
	synctest.Wait()
}

// prove hands the actor the session that has proved its key.
func (r *rig) prove() {
	r.Helper()
	r.mu.Lock()
	l := r.link
	r.mu.Unlock()
	if l == nil {
		r.Fatal("no session has proved a key")
	}
	r.give(session.Proved{Link: l})
}

// greet has the other end say its first words, so that the session comes up.
func (r *rig) greet() {
	r.Helper()
	r.far.Write(r.far.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1}), envelope.Msgpack.AppendPing(nil, []byte{1})))
	synctest.Wait()
}

// How far a host comes.
const (
	refused = iota // its session is not made
	shaking        // it has read message 1
	proved         // it has written message 2
	up             // it has said its first words
)

// begin has the actor make a session with a host that comes so far.
func (r *rig) begin(until int) {
	r.Helper()
	near, far := r.pipe()
	r.give(Begin{Conn: near, Done: r.begun})
	if until == refused {
		return
	}
	r.far = kit.NewRawPeer(r, far, handshake.Responder, theirs, identity.PublicKey{})
	r.far.Step()
	if until >= proved {
		r.far.Step()
	}
	synctest.Wait()
	if until < up {
		return
	}
	r.far.Noise.ExpectGuest()
	r.far.Step()
	r.far.TakeKeys()
	r.far.Write(r.far.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1})))
	go r.listen(r.far)
	synctest.Wait()
}

// listen answers pings, and keeps what the session says at its end.
func (r *rig) listen(p *kit.RawPeer) {
	for {
		plain, err := p.Read()
		if err != nil {
			return
		}
		var e envelope.Envelope
		if envelope.Msgpack.Parse(plain, &e) != nil {
			return
		}
		switch {
		case e.Kind == envelope.KindPing:
			if _, err := p.Conn.Write(p.Frames(envelope.Msgpack.AppendPong(nil, e.Nonce))); err != nil {
				return
			}
		case string(e.Name) == envelope.NameBye:
			bye, _ := envelope.ParseBye(e.Args)
			r.mu.Lock()
			r.said = append(r.said, ">bye "+string(bye.Code))
			r.mu.Unlock()
		}
	}
}

// call has the other end call.
func (r *rig) call() {
	r.Helper()
	r.lastCall++
	b, err := envelope.Msgpack.AppendCall(nil, envelope.CallID(r.lastCall), "x", envelope.Options{}, nil)
	if err != nil {
		r.Fatal(err)
	}
	r.far.Write(r.far.Frames(b))
	synctest.Wait()
}

// outcome returns what has happened since the last time: what the node was told (+), what the other end heard (>), and what the
// Begin was answered (=).
func (r *rig) outcome() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(r.told, r.said...)
	r.told, r.said = nil, nil
	if len(r.begun) > 0 {
		b := <-r.begun
		if b.Link != nil {
			all = append(all, "=up")
		} else {
			all = append(all, fmt.Sprintf("=%s", b.End.Reason))
		}
	}
	return strings.Join(all, " ")
}
