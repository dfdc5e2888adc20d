// Package session is one connection to one peer: wire.md §4 to §7.
//
// The session is an actor for the life of its connection. Beside it runs a goroutine that reads, opens, decodes and delivers, and
// while there is something to write, another that seals and writes. Before them, one does the handshake. Calls and sends of the
// application go from its own goroutines into the writer's queue, and replies from the reader to the callers, so the table of
// calls in flight lies beside the actor. The actor decides about the session itself: it comes up, it is alive, it ends.
package session

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// Once its bye is queued, a session ends when the connection has taken nothing for lingerAfterBye, and within maxLinger in any
// case (wire.md §7.3).
const (
	lingerAfterBye = time.Second
	maxLinger      = 10 * time.Second
)

// A state of a session.
type state uint8

const (
	handshaking state = iota
	proved            // waits to be admitted
	open              // envelopes go both ways
	draining          // a bye that half-closes was said or heard: nothing new begins, all is answered
	ending            // the bye, if any, is being written; input is discarded
)

func (s state) String() string {
	return [...]string{"handshaking", "proved", "open", "draining", "ending"}[s]
}

// A session is the actor that owns one connection.
//
//	handshaking --ok--> proved --admit--> open --bye said or heard--> draining
//	   |                   |                |                            |
//	   | failed, too late  | Close          | I/O error, Close,          | drained, linger over,
//	   |                   |                | bye, violation,            | I/O error, Close, bye
//	   |                   |                | unresponsive               |
//	   +-------------------+-------------> ending <----------------------+
//
// A session that is ending stops once its goroutines have ended.
//
// Only Receive touches its fields. Goroutines and timers post messages.
type session struct {
	*Link
	expect  identity.PublicKey // see Params, as the next two
	claim   func() bool
	asGuest bool // of an initiator
	owner   *actor.PID
	state   state
	stopped bool // the actor was told to stop
	reader  *reader
	writer  *channel.CipherState // until the writer runs
	join    sync.WaitGroup
	waits   chan struct{} // closed when no goroutine is to wait for anything but the connection

	up           bool
	peerBye      bool      // the peer has said a bye that half-closes
	running      int       // goroutines that have the connection: of the handshake, or the reader and the writer
	missedPongs  int       // in a row, when the latest ping left
	silentFrom   time.Time // when the first ping left after which nothing was heard
	readyPings   int       // sent before the session was up, at most firstPings
	isReady      bool      // ready is closed
	lastPing     *pending  // of the session itself
	framesAtPing uint64    // framesIn when the latest ping left
	end          Ended
	holdUntil    time.Time // until when the connection stays open although the session has ended
	lingerUntil  time.Time // when a session that is draining ends in any case, and one that is ending closes its connection

	stopUpDeadline, stopLiveness, stopLinger func() bool
}

// Params make one session.
type Params struct {
	Config  *Config
	Conn    net.Conn // the session's from now on
	Role    handshake.Role
	Expect  identity.PublicKey // the key that was dialled, for an initiator
	Dialect handshake.Dialect  // of an initiator; a responder takes that of message 1
	Owner   *actor.PID         // is told the session's events until Admit names another

	// Guest has an initiator come as a guest. Then Expect may be zero: the session takes the key that answers.
	Guest bool

	// Claim, if not nil, is asked by an initiator once the peer has proved its key, before message 3: false ends
	// the handshake with ErrYielded. It is called from the handshake's goroutine.
	Claim func() bool
}

// Spawn makes a session. Its actor is a child of parent's.
func Spawn(parent actor.SpawnerContext, p Params) *actor.PID {
	m := &p.Config.spawner
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.props == nil {
		m.props = actorkit.Props(p.Config.Pool, p.Config.Log, func() actor.Actor { return newSession(m.next) })
	}
	m.next = p
	defer func() { m.next = Params{} }()
	return parent.Spawn(m.props)
}

// A spawner holds the Props of all sessions of a node: those of its own would take half a kibibyte of each session.
type spawner struct {
	mu    sync.Mutex // guards the rest
	props *actor.Props
	next  Params // of the session that is being made: Spawn calls the producer
}

func newSession(p Params) *session {
	l := &Link{config: p.Config, conn: p.Conn, role: p.Role, addr: AddrOf(p.Conn.RemoteAddr()),
		since: p.Config.Clock.Now()}
	l.queue = newQueue(p.Config.QueueBytes, l.isCrowded)
	l.setDialect(p.Dialect)
	l.largest.Store(frame.DefaultLimit)
	return &session{Link: l, expect: p.Expect, claim: p.Claim, asGuest: p.Guest, owner: p.Owner, lastPing: &pending{}, waits: make(chan struct{})}
}

// Receive implements actor.Actor.
func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case *actor.Stopping:
		s.stopped = true
		s.tearDown()
	case handshakeDone:
		s.running--
		s.endHandshake(m)
		m.result.Erase() // the cipher states have the keys
	case upDeadline:
		s.endLate()
	case admit:
		s.admit(m.owner)
	case Close:
		s.close(m)
	case Probe:
		s.probe(m)
	case Check:
		s.check()
	case Probed:
		s.tell(m)
	case received:
		s.handleBatch(m.batch)
	case violated:
		s.endForViolation(m.err)
	case readyPingDue:
		s.pingUntilUp()
	case livenessDue:
		s.checkLiveness(0)
	case checkDrained:
		s.closeIfDrained()
	case lingerOver:
		s.endLinger()
	case readEnded:
		s.running--
		s.endReading(m.err)
	case writeEnded:
		s.running--
		s.endWriting(m.err)
	case panicked:
		panic(fmt.Sprintf("%v\n%s", m.value, m.stack))
	}
	if s.state == ending && s.running == 0 && !s.stopped {
		s.stopped = true
		ctx.Stop(ctx.Self())
	}
}

func (s *session) start(ctx actor.Context) {
	s.system, s.pid = ctx.ActorSystem(), ctx.Self()
	s.stopUpDeadline = s.after(s.config.HandshakeTimeout, upDeadline{})
	s.running = 1
	hc := handshake.Config{Role: s.role, Expect: s.expect, Dialect: s.dialect.name, Guest: s.asGuest}
	s.run(func() any {
		r, err := s.config.handshake(s.conn, &hc, s.claim, s.waits)
		return handshakeDone{r, hc.Dialect, err}
	})
}

// run runs f in a goroutine that the session waits for before it has stopped, and posts what f returns, unless that is nil. If f
// panics, the actor fails in its place: only this session ends.
func (s *session) run(f func() any) {
	s.join.Add(1)
	go func() {
		defer s.join.Done()
		defer func() {
			if p := recover(); p != nil {
				s.system.Root.Send(s.pid, panicked{p, string(debug.Stack())})
			}
		}()
		if m := f(); m != nil {
			s.system.Root.Send(s.pid, m)
		}
	}()
}

// after posts m once d has passed.
func (s *session) after(d time.Duration, m any) (stop func() bool) {
	system, pid := s.system, s.pid
	return s.config.Clock.AfterFunc(d, func() { system.Root.Send(pid, m) })
}

func (s *session) tell(event any) { s.system.Root.Send(s.owner, event) }

// tearDown runs when the actor stops, for whatever reason. It stops timers, goroutines and the connection, then sends Ended
// to the owner.
func (s *session) tearDown() {
	for _, stop := range []func() bool{s.stopUpDeadline, s.stopLiveness, s.stopLinger} {
		if stop != nil {
			stop()
		}
	}
	if s.end.Reason == "" {
		s.end.Reason = ReasonLost
	}
	defer s.closeConn() // runs even if Inbound.Close panics
	if s.state < ending {
		s.fail(s.end, nil)
	}
}

// closeConn closes the connection, waits for the goroutines, counts the end and tells it.
func (s *session) closeConn() {
	s.stopWaits()
	if s.state == handshaking && s.role == handshake.Responder {
		Reset(s.conn) // message 2 may not have been sent
	}
	_ = s.conn.Close()
	s.join.Wait()
	s.end.Session, s.end.Role, s.end.Addr, s.end.WasUp = s.pid, s.role, s.addr, s.up
	if s.remote != (identity.PublicKey{}) {
		s.end.Link = s.Link
	}
	if s.up {
		s.counters.Down(s.Link, s.end.Reason)
	} else {
		s.config.Counters.Handshake(s.role, s.handshakeResult())
	}
	s.tell(s.end)
}

// fail ends what waits for the peer or works for it, and queues the bye if there is one. It is called once.
func (s *session) fail(e Ended, bye *buffer) {
	end := e.linkError()
	s.direct.Store(false)
	s.queue.finish(bye, end)
	s.flight.close(end, s.queue)
	s.streams.interrupt(end)
	s.setReady()
	if s.inbound != nil {
		s.inbound.Close(e.Reason)
	}
}

// endHandshake goes on with a peer that has proved its key, or ends the session. A responder tells a peer that is not trusted
// so, and nothing else (wire.md §7.3).
func (s *session) endHandshake(m handshakeDone) {
	if s.state != handshaking {
		return
	}
	untrusted, isUntrusted := errors.AsType[*handshake.UntrustedError](m.err)
	if m.err != nil && (!isUntrusted || s.role == handshake.Initiator) {
		s.end = Ended{Reason: ReasonHandshake, Err: m.err}
		s.state = ending
		return
	}
	s.setDialect(m.dialect)
	if m.result.Guest {
		s.guest = &guestSession{hash: m.result.Hash}
		s.largest.Store(MaxGuestFrame)
		s.queue.limitGuest()
	}
	s.reader = newReader(s.Link, channel.NewCipherState(m.result.RecvKey()), s.waits)
	s.writer = channel.NewCipherState(m.result.SendKey())
	s.state = proved
	if isUntrusted {
		s.counters = new(counters.Peer) // these are thrown away: the peer stays unknown
		s.tell(Refused{Key: untrusted.Remote, Addr: s.addr})
		s.finish(Ended{Reason: ReasonHandshake, Err: m.err}, &envelope.Bye{Code: envelope.ReasonRefused})
		return
	}
	s.remote = m.result.Remote
	if s.dialect.name == handshake.BEAM {
		s.names = s.config.Dialects.Names(s.remote)
		if s.config.AllowStall != nil {
			s.config.AllowStall(s.conn)
		}
	}
	if s.guest != nil {
		s.counters = s.config.Counters.Guests()
	} else {
		s.counters = s.config.Counters.Peer(s.remote)
		s.config.trustedSources.remember(limiter.SourceOf(s.addr.Addr()))
	}
	s.tell(Proved{s.Link})
}

// endLate ends a session whose peer has sent no valid frame in time.
func (s *session) endLate() {
	switch {
	case s.state == handshaking:
		// The handshake's goroutine has the connection, and will say that it failed.
		s.cutHandshake(fmt.Errorf("%w within %v", errLate, s.config.HandshakeTimeout))
	case !s.up && s.state < ending:
		s.finish(Ended{Reason: envelope.ReasonUnresponsive, Err: fmt.Errorf("the peer sent nothing within %v", s.config.HandshakeTimeout)},
			&envelope.Bye{Code: envelope.ReasonUnresponsive})
	}
}

// cutHandshake ends a handshake that is still running, or the bye to a peer that is not trusted.
func (s *session) cutHandshake(err error) {
	s.end = Ended{Reason: ReasonHandshake, Err: err}
	s.state = ending
	s.stopWaits()
	if s.role == handshake.Responder {
		Reset(s.conn)
	} else {
		_ = s.conn.Close()
	}
}

func (s *session) admit(owner *actor.PID) {
	if s.inbound == nil {
		s.owner = owner // also of a session that is ending, so that it is told; the first owner to admit it counts
	}
	if s.state != proved {
		return
	}
	s.state = open
	s.inbound = s.config.Serve(s.Link)
	if s.dialect.upAtPong {
		s.pingUntilUp()
		s.startReaderAndWriter()
		return
	}
	own, hello := s.ownHello(), newEnvelope(nil)
	if s.config.Boot != nil && s.guest == nil {
		own.Boot, own.HasBoot = s.config.Boot(s.remote), true
	}
	hello.b = envelope.AppendHello(hello.b, own)
	s.queue.force(hello, nil)
	if s.role == handshake.Initiator {
		s.pingPeer(s.framesIn.Load()) // its pong proves that the responder has accepted
	}
	s.startReaderAndWriter()
	s.stopLiveness = s.after(s.config.PingAfter, livenessDue{})
}

// stopWaits closes waits.
func (s *session) stopWaits() {
	select {
	case <-s.waits:
	default:
		close(s.waits)
	}
}

func (s *session) startReaderAndWriter() {
	s.running = 2
	s.startReader()
	s.join.Add(1)
	w := &writer{Link: s.Link, send: s.writer, unsent: FirstUnsent, end: func(m any) {
		defer s.join.Done()
		s.system.Root.Send(s.pid, m)
	}}
	s.queue.startWriter(func() { s.config.Pool.Go(w) })
}

// startReader runs the reader in a fresh goroutine, and does so again where the session may fall idle: to open and decode
// takes twice the stack that to wait does.
func (s *session) startReader() {
	s.run(func() any {
		mayIdle, err := s.reader.run()
		if mayIdle {
			s.startReader()
			return nil
		}
		return readEnded{err}
	})
}
