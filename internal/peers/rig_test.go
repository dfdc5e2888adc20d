package peers

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// A rig is the actor of one peer in the hands of a test, which is its parent, its listener, its network, and the node
// at the other end of each of its sessions. No time passes on it but what a test lets pass.
type rig struct {
	*testing.T
	*kit.Actors
	ours, theirs identity.KeyPair
	network      *memnet.Network
	near, far    *memnet.Host
	config       *Config
	parent       *actor.PID // and owner of inbound sessions until they are admitted
	pid          *actor.PID
	ends         []*end
	waiters      []chan error // of Connects that are not answered
	others       int          // sessions of other peers, in the quota

	mu      sync.Mutex // guards the rest
	trusted bool
	detain  bool            // what is inbound is not passed on
	links   []*session.Link // that have proved the peer, in order
	dials   []*pendingDial  // TCP connects that wait
	events  []string        // what the parent was told since the last look
	dialled []string        // likewise: what began and what was called off
	wasUp   bool
	gone    bool // the actor has stopped
}

// onRig runs f on a rig of its own, on which the situation is arranged. When f is done the peer ends, and must leave no
// goroutine, no socket, nothing in the quota, and nobody waiting.
func onRig(t *testing.T, in situation, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, in.name != "not arbiter")
		defer r.close()
		in.arrange(r)
		if got := r.outcome(); !strings.HasPrefix(got+" ", in.state+" ") {
			t.Fatalf("arranged: %s, want %s", got, in.state)
		}
		f(r)
	})
}

func newRig(t *testing.T, arbiter bool) *rig {
	r := &rig{T: t, Actors: kit.NewActors(), ours: kit.KeyPair(0x01), theirs: kit.KeyPair(0x21), network: memnet.New(1), trusted: true}
	if (r.ours.PublicKey().Compare(r.theirs.PublicKey()) < 0) != arbiter {
		r.ours, r.theirs = r.theirs, r.ours
	}
	r.near = r.network.Host(nearX, netip.MustParseAddr("10.0.2.1"), netip.MustParseAddr("10.0.3.1"))
	r.far = r.network.Host(x.Addr(), y.Addr(), z.Addr())
	log := kit.NewAlarm(t).Logger()
	sessions := &session.Config{
		Static: r.ours, Hello: envelope.Hello{Version: envelope.Version}, Rand: rand.Reader, Clock: clock.System, Log: log, Pool: r.Pool,
		Trusted: func(identity.PublicKey) bool { return true }, Serve: func(*session.Link) session.Inbound { return new(mute) },
		Compute: make(chan struct{}, 2), FrameLimit: frame.DefaultLimit, QueueBytes: 2 << 20,
		HandshakeTimeout: 10 * time.Second, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second,
		WriteStall: 30 * time.Second, Linger: 30 * time.Second, LingerReplaced: 30 * time.Second, StreamBytes: 64 << 20, Counters: new(counters.Node),
	}
	r.config = &Config{
		Self: r.ours.PublicKey(), Session: sessions, Directory: NewDirectory(), Trusted: r.trusts, Dial: r.dial, Clock: clock.System,
		Log: log, Pool: r.Pool, Jitter: func() float64 { return 0.5 }, DialTimeout: time.Minute, Stagger: 250 * time.Millisecond,
		RotateAfter: time.Hour, IdleAfter: time.Hour, Tell: r.told, quota: new(quota), places: new(places), lookups: make(chan struct{}, maxLookups), freedLookups: make(chan struct{}),
	}
	r.parent = r.System.Root.Spawn(actorkit.RootProps(r.Pool, log, func() actor.Actor { return (*above)(r) }))
	synctest.Wait()
	return r
}

// close checks what is left once the peer has ended.
func (r *rig) close() {
	if !r.gone {
		r.System.Root.Stop(r.pid)
	}
	for _, e := range r.ends {
		_ = e.Conn.Close()
	}
	time.Sleep(2 * time.Second) // of a session's last words
	r.System.Root.Stop(r.parent)
	synctest.Wait()
	if s := r.network.Stats(); s.Conns != 0 || s.Listeners != 0 {
		r.Errorf("sockets are left open: %+v", s)
	}
	if q := r.config.quota; q.sessions != r.others || q.peers != r.others {
		r.Errorf("the quota counts %d peers and %d sessions, want %d", q.peers, q.sessions, r.others)
	}
	if q := r.config.places; len(q.held)+len(q.queue) != 0 {
		r.Errorf("%d places are held, %d awaited", len(q.held), len(q.queue))
	}
	if len(r.dials) != 0 {
		r.Errorf("%d dials were not called off", len(r.dials))
	}
	for _, done := range r.waiters {
		if len(done) == 0 {
			r.Error("a Connect was never answered")
		}
	}
	r.Actors.Close()
}

// An above is the parent of the peer and of inbound sessions.
type above rig

// Receive implements actor.Actor.
func (a *above) Receive(ctx actor.Context) {
	r := (*rig)(a)
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.pid = ctx.Spawn(actorkit.Props(r.Pool, r.config.Log, func() actor.Actor {
			p := &peer{Config: r.config, facts: facts{key: r.theirs.PublicKey()}, counters: r.config.Session.Counters.Peer(r.theirs.PublicKey())}
			r.config.Directory.register(p) // as the table does
			return &glass{p, r}
		}))
	case *session.Params:
		m.Owner = ctx.Self()
		session.Spawn(ctx, *m)
	case session.Proved:
		if r.detain {
			r.proved(m.Link)
			return
		}
		ctx.Send(r.pid, m)
	case Up, Down, Conflict:
		r.told(m)
	}
}

// A glass is a peer that can be looked into.
type glass struct {
	*peer
	r *rig
}

// Receive implements actor.Actor.
func (g *glass) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case func(*peer):
		g.peer.ctx = ctx
		m(g.peer)
		return
	case session.Proved:
		g.r.proved(m.Link)
	case *actor.Stopped:
		g.r.stopped()
	}
	g.peer.Receive(ctx)
}

func (r *rig) proved(l *session.Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links = append(r.links, l)
}

func (r *rig) stopped() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

// look runs f in the peer's actor.
func (r *rig) look(f func(*peer)) {
	r.Helper()
	done := make(chan struct{})
	r.System.Root.Send(r.pid, func(p *peer) {
		f(p)
		close(done)
	})
	<-done
}

// tell gives the peer's actor a message.
func (r *rig) tell(m any) {
	r.System.Root.Send(r.pid, m)
	synctest.Wait()
}

// told is Config.Tell, and what the parent hears.
func (r *rig) told(m any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	byPeer := map[bool]string{true: " by peer"}
	switch m := m.(type) {
	case Up:
		r.events = append(r.events, "+up")
		if r.wasUp {
			r.Error("Up twice in a row")
		}
		r.wasUp = true
	case Down:
		r.events = append(r.events, "+down "+string(m.Reason)+byPeer[m.ByPeer])
		if !r.wasUp {
			r.Error("Down without Up")
		}
		r.wasUp = false
	case Conflict:
		r.events = append(r.events, "+conflict"+byPeer[!m.By.IsZero()])
		if m.By.IsZero() == (m.Key == r.ours.PublicKey()) {
			r.Errorf("%+v: the wrong key", m)
		}
	}
}

func (r *rig) trusts(identity.PublicKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trusted
}
