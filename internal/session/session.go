// Package session is one connection to one peer: wire.md §4 to §7.
//
// The session is an actor for the life of its connection. Around it run two goroutines, one that reads, opens
// and decodes, and one that seals and writes; before them, one that does the handshake. Calls and sends of the
// application go from its own goroutines into the writer's queue, and the table of calls in flight lies beside
// the actor for that reason; the actor alone answers and fails what is in the table.
package session

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/seed-f6ddb928/peernet-go/channel"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
)

// lingerAfterBye bounds how long the end of a session may take once its last words are queued.
const lingerAfterBye = time.Second

// A state of a session.
type state uint8

const (
	shaking  state = iota // the handshake runs
	proved                // waits to be admitted
	open                  // envelopes go both ways
	draining              // a bye that half-closes was said or heard: nothing new begins, all is answered
	ending                // last words, if any, are being written; what comes is discarded
	over                  // both goroutines have ended
)

func (s state) String() string {
	return [...]string{"shaking", "proved", "open", "draining", "ending", "over"}[s]
}

// A session is the actor that owns one connection.
//
//	shaking --ok--> proved --admit--> open --bye said or heard--> draining
//	   |               |                |                            |
//	   | failed, late  | Close          | I/O error, Close,          | settled, lingered,
//	   |               |                | bye, breach, unresponsive  | I/O error, Close, bye
//	   +---------------+-------------> ending <----------------------+
//	                                    |
//	                                  over
//
// Only Receive touches its fields. Goroutines and timers post messages.
type session struct {
	*Link
	params  Params
	owner   *actor.PID
	state   state
	stopped bool // the actor was told to stop
	reader  *reader
	writer  *channel.CipherState // until the writer runs
	stop    chan struct{}        // closed when the handshake must end
	join    sync.WaitGroup

	up      bool
	said    bool          // our bye that half-closes is queued
	bye     *envelope.Bye // the peer's, that half-closes
	reading bool          // the reader runs
	writing bool          // the writer runs
	missed  int           // pongs in a row
	pinged  time.Time     // when the last liveness ping left
	nonce   uint64        // of the last ping that nobody waits for
	worn    bool          // and told so
	failed  bool          // what waits for the peer has been told of the end
	end     Ended

	stopLate, stopTick, stopLinger func() bool
}

// Params make one session.
type Params struct {
	Config *Config
	Conn   net.Conn // the session's from now on
	Role   handshake.Role
	Expect identity.PublicKey // the key that was dialled, for an initiator
	Owner  *actor.PID         // is told the session's events until Admit names another

	// Claim, if not nil, is asked by an initiator once the peer has proved its key, before message 3: false ends
	// the handshake with ErrYielded. It is called from the handshake's goroutine.
	Claim func() bool
}

// Props describes a session's actor.
func Props(p Params) *actor.Props {
	return actorkit.Props(p.Config.Pool, p.Config.Log, func() actor.Actor { return newSession(p) })
}

func newSession(p Params) *session {
	l := &Link{config: p.Config, conn: p.Conn, role: p.Role, codec: envelope.Msgpack,
		since: p.Config.Clock.Now()}
	l.queue = newQueue(p.Config.QueueBytes, l.crowded)
	l.accepts.Store(frame.DefaultLimit)
	if a, ok := p.Conn.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		l.addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return &session{Link: l, params: p, owner: p.Owner, stop: make(chan struct{})}
}

// Receive implements actor.Actor.
func (s *session) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case *actor.Stopping:
		s.stopped = true
		s.abandon()
	case shaken:
		s.shaken(m)
	case late:
		s.late()
	case admit:
		s.admit(m.owner)
	case Close:
		s.close(m)
	case Probe:
		s.probe(m)
	case Check:
		s.check()
	case probeEnded:
		s.tell(Probed{s.Link, m.alive})
	case received:
		s.received(m.batch)
	case violated:
		s.violated(m.err)
	case tick:
		s.tick()
	case settled:
		s.settled()
	case lingered:
		s.lingered()
	case readEnded:
		s.readEnded(m.err)
	case writeEnded:
		s.writeEnded(m.err)
	}
	if s.state == over && !s.stopped {
		s.stopped = true
		ctx.Stop(ctx.Self())
	}
}

func (s *session) start(ctx actor.Context) {
	s.system, s.pid = ctx.ActorSystem(), ctx.Self()
	s.stopLate = s.after(s.config.HandshakeTimeout, late{})
	hc := handshake.Config{Role: s.params.Role, Expect: s.params.Expect}
	stop := s.stop
	s.run(func() any {
		r, err := s.config.shake(s.conn, hc, s.params.Claim, stop)
		return shaken{r, err}
	})
}

// run runs f in a goroutine that the session waits for before it has stopped, and posts what f returns.
func (s *session) run(f func() any) {
	s.join.Add(1)
	go func() {
		defer s.join.Done()
		s.system.Root.Send(s.pid, f())
	}()
}

func (s *session) after(d time.Duration, m any) func() bool {
	system, pid := s.system, s.pid
	return s.config.Clock.AfterFunc(d, func() { system.Root.Send(pid, m) })
}

func (s *session) tell(event any) { s.system.Root.Send(s.owner, event) }

// abandon is the end of everything, however it came to it: when it returns, nothing of the session is left but
// the news of it.
func (s *session) abandon() {
	for _, stop := range []func() bool{s.stopLate, s.stopTick, s.stopLinger} {
		if stop != nil {
			stop()
		}
	}
	if s.end.Reason == "" {
		s.end.Reason = ReasonLost
	}
	defer s.bury() // also if what serves the peer fails
	s.fail(s.end)
}

func (s *session) bury() {
	s.stopShaking()
	if s.reader != nil {
		close(s.reader.stop)
	}
	if s.state == shaking && s.role == handshake.Responder {
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
		s.config.Counters.Handshake(s.role, s.result())
	}
	s.tell(s.end)
}

// fail ends what waits for the peer or works for it.
func (s *session) fail(e Ended) {
	if s.failed {
		return
	}
	s.failed = true
	link := e.link()
	s.queue.finish(nil, link)
	s.flight.close(link, func(p *place) error {
		one := *link
		one.Sent = s.queue.written(p)
		return &one
	})
	if s.inbound != nil {
		s.inbound.Close(link)
	}
}

func (s *session) shaken(m shaken) {
	if s.state != shaking {
		s.state = over
		return
	}
	if m.err != nil {
		if e, ok := errors.AsType[*handshake.UntrustedError](m.err); ok && s.role == handshake.Responder {
			s.tell(Refused{Key: e.Remote, Addr: s.addr})
		}
		s.end = Ended{Reason: ReasonHandshake, Err: m.err}
		s.state = over
		return
	}
	s.remote = m.result.Remote
	s.counters = s.config.Counters.Peer(s.remote)
	s.reader = newReader(s.Link, channel.NewCipherState(m.result.RecvKey()))
	send := channel.NewCipherState(m.result.SendKey())
	s.writer = send
	s.state = proved
	s.tell(Proved{s.Link})
}

// late is the deadline for everything up to the peer's first valid frame.
func (s *session) late() {
	switch {
	case s.state == shaking:
		// The handshake's goroutine has the connection, and will say that it failed.
		s.cut(fmt.Errorf("%w within %v", errLate, s.config.HandshakeTimeout))
	case !s.up && s.state < ending:
		waiting := s.state == proved
		s.finish(Ended{Reason: envelope.ReasonUnresponsive, Err: fmt.Errorf("no word of the peer within %v", s.config.HandshakeTimeout)},
			&envelope.Bye{Code: envelope.ReasonUnresponsive})
		if waiting {
			s.converse()
		}
	}
}

// cut ends a handshake that has not ended.
func (s *session) cut(err error) {
	s.end = Ended{Reason: ReasonHandshake, Err: err}
	s.state = ending
	s.stopShaking()
	if s.role == handshake.Responder {
		Reset(s.conn)
	} else {
		_ = s.conn.Close()
	}
}

func (s *session) stopShaking() {
	if s.stop != nil {
		close(s.stop)
		s.stop = nil
	}
}

func (s *session) admit(owner *actor.PID) {
	if s.inbound == nil {
		s.owner = owner // also of a session that is ending, so that it is told; the first who admits it counts
	}
	if s.state != proved {
		return
	}
	s.state = open
	s.inbound = s.config.Serve(s.Link)
	hello := begin(nil)
	hello.b = envelope.AppendHello(hello.b, s.config.Hello)
	s.queue.force(urgent, hello)
	if s.role == handshake.Initiator {
		s.nonce, _ = s.sendPing(nil) // its pong is the proof that the responder has accepted
	}
	s.converse()
	s.stopTick = s.after(s.config.PingAfter, tick{})
}

// converse starts the reader and the writer.
func (s *session) converse() {
	s.reading, s.writing = true, true
	s.run(func() any { return readEnded{s.reader.read()} })
	s.run(func() any { return writeEnded{s.write(s.writer)} })
}
