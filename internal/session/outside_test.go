package session

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
)

// An outside is what sessions need that live by the real clock, over real connections or for a fuzzer. Nothing in it waits
// for time to pass.
type outside struct {
	testing.TB
	*kit.Actors
	listener net.Listener
}

func newOutside(t testing.TB) *outside {
	t.Helper()
	o := &outside{TB: t, Actors: kit.NewActors()}
	var err error
	if o.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = o.listener.Close()
		o.Pool.Close()
		o.System.Shutdown()
	})
	return o
}

// A met is one session of ours as its peer met it.
type met struct {
	ended  Ended
	events []string
	served *stub
	heard  [][]byte // by the peer, before the stream ended
	timers int      // left
}

// An agreement is what a handshake leaves on both ends.
type agreement struct{ ours, theirs handshake.Result }

// agree does a handshake that no session takes part in.
func agree(t testing.TB) agreement {
	t.Helper()
	initiator := kit.NewRawPeer(t, nil, handshake.Initiator, theirs, ours.PublicKey()).Noise
	responder := kit.NewRawPeer(t, nil, handshake.Responder, ours, identity.PublicKey{}).Noise
	for from, to := initiator, responder; !responder.Done(); from, to = to, from {
		message, err := from.Write(nil)
		if err == nil {
			err = to.Read(message)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return agreement{responder.Result(), initiator.Result()}
}

// An agreed is a session that takes the result of a handshake instead of doing one: most of a short session's time is its
// handshake.
type agreed struct {
	*session
	result handshake.Result
}

func (a agreed) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); !ok {
		a.session.Receive(ctx)
		return
	}
	a.system, a.pid = ctx.ActorSystem(), ctx.Self()
	a.stopUpDeadline = a.after(a.config.HandshakeTimeout, upDeadline{})
	a.endHandshake(handshakeDone{result: a.result})
}

// meet starts a session, does the handshake with it unless the result of one is given, writes what talk returns, in one piece
// and without caring whether it is taken, ends the stream, and returns what came of it all.
func (o *outside) meet(t testing.TB, pipe func() (near, far net.Conn), done *agreement, talk func(send *channel.CipherState) []byte) *met {
	t.Helper()
	m := &met{}
	ended, stopped := make(chan Ended, 1), make(chan struct{})
	clock := &kit.CountingClock{Clock: clock.System}
	log := kit.NewAlarm(t).Logger()
	c := &Config{
		Static: ours, Hello: envelope.Hello{Version: envelope.Version}, Rand: rand.Reader, Clock: clock, Log: log, Pool: o.Pool,
		Trusted: func(k identity.PublicKey) bool { return k == theirs.PublicKey() }, Compute: make(chan struct{}, 2),
		Serve: func(l *Link) Inbound {
			m.served = newStub(l)
			return m.served
		},
		FrameLimit: frame.DefaultLimit, QueueBytes: 2 << 20, Parts: testParts, HandshakeTimeout: time.Minute, PingAfter: time.Minute,
		PongWithin: time.Minute, WriteStall: time.Minute, Linger: time.Minute, LingerReplaced: time.Minute, StreamBytes: 64 << 20, Counters: new(counters.Node),
	}
	owner := o.System.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch e := ctx.Message().(type) {
		case *actor.Props:
			ctx.Spawn(e)
		case *actor.Stopped:
			close(stopped)
		case Proved:
			m.events = append(m.events, "proved")
			e.Link.Admit(ctx.Self())
		case Up, Greeted, HalfClosed, Refused:
			m.events = append(m.events, kinds([]any{e})...)
		case Ended:
			m.events = append(m.events, "ended")
			ended <- e
		}
	}))
	near, far := pipe()
	defer far.Close()
	params := Params{Config: c, Conn: near, Role: handshake.Responder, Owner: owner}
	var result handshake.Result // of the peer's end
	if done != nil {
		result = done.theirs
		o.System.Root.Send(owner, actorkit.Props(o.Pool, log, func() actor.Actor { return agreed{newSession(params), done.ours} }))
	} else {
		o.System.Root.Send(owner, actorkit.Props(o.Pool, log, func() actor.Actor { return newSession(params) }))
		result = kit.NewRawPeer(t, far, handshake.Initiator, theirs, ours.PublicKey()).Handshake().Noise.Result()
	}
	read := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far)
		read <- b
	}()
	_, _ = far.Write(talk(channel.NewCipherState(result.SendKey())))
	_ = far.(interface{ CloseWrite() error }).CloseWrite()
	stream := <-read
	_ = far.Close()
	m.ended = <-ended
	o.System.Root.Stop(owner)
	<-stopped
	m.timers = clock.Waiting()
	recv := channel.NewCipherState(result.RecvKey())
	for len(stream) > 0 {
		body, rest, err := frame.Next(stream, frame.DefaultLimit)
		if err != nil {
			t.Fatalf("the stream ends inside a frame: %v", err)
		}
		plain, err := recv.Open(nil, body)
		if err != nil {
			t.Fatal(err)
		}
		m.heard = append(m.heard, plain)
		stream = rest
	}
	return m
}

// check fails unless the session ended exactly once and left nothing.
func (m *met) check(t testing.TB) {
	t.Helper()
	if n := len(m.events); slices.Index(m.events, "ended") != n-1 {
		t.Errorf("events %v", m.events)
	}
	if m.timers != 0 {
		t.Errorf("%d timers are left", m.timers)
	}
	if m.served != nil {
		m.served.check(t)
	}
}

// tcp returns the two ends of a connection over loopback.
func (o *outside) tcp() (near, far net.Conn) {
	o.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := o.listener.Accept()
		accepted <- c
	}()
	far, err := net.Dial("tcp", o.listener.Addr().String())
	if err != nil {
		o.Fatal(err)
	}
	return <-accepted, far
}

// TestByeSurvivesRealTCP has peers that break the protocol and have sent more than is read before they look for an
// answer: closing with unread input would make the system reset the connection, and the bye be lost.
func TestByeSurvivesRealTCP(t *testing.T) {
	o := newOutside(t)
	for _, behind := range []int{0, 1000, 50_000} {
		for range 20 {
			m := o.meet(t, o.tcp, nil, func(*channel.CipherState) []byte {
				return append([]byte{0, 0, 0, 0}, make([]byte, behind)...)
			})
			m.check(t)
			if n := len(m.heard); n == 0 || !bytes.Equal(m.heard[n-1], aBye(envelope.ReasonProtocol)) {
				t.Fatalf("with %d bytes behind the violation the peer heard %x", behind, m.heard)
			}
		}
	}
}
