package serve

import (
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
)

// A Config is what a Server needs; every field is required.
type Config struct {
	Clock clock.Clock
	Log   *slog.Logger
	Pool  *actorkit.Pool
	Rand  io.Reader // for incident ids

	Calls     int // calls of one peer that run at once; the next is refused with `overloaded`
	CallBytes int // bytes of their arguments together; likewise
	Sends     int // sends of one peer that wait; the next is dropped and counted
	SendBytes int // bytes of their arguments together; likewise
}

// A Server runs the handlers of one node. It is safe for concurrent use.
type Server struct {
	Table
	config Config

	dropped   atomic.Uint64 // sends
	unhandled atomic.Uint64 // sends to a name that has no handler

	mu    sync.Mutex // guards peers, and each peer's count of sessions
	peers map[identity.PublicKey]*peer
	runs  sync.WaitGroup // of goroutines that run handlers
	ready ready
}

// A Conn is the session that brings calls, as serve needs it.
type Conn interface {
	Remote() identity.PublicKey
	Addr() netip.AddrPort
	Hello() envelope.Hello

	// Reply answers a call, waiting for room.
	Reply(id envelope.CallID, result any, refusal *envelope.RemoteError)

	// Refuse answers a call without waiting, and says false if too many such answers wait.
	Refuse(id envelope.CallID, refusal *envelope.RemoteError) bool

	// Settled says that Pending has gone down.
	Settled()
}

// New returns a server without handlers.
func New(c Config) *Server {
	s := &Server{config: c, peers: make(map[identity.PublicKey]*peer)}
	s.ready.server = s
	return s
}

// Open begins to serve what comes over conn.
func (s *Server) Open(conn Conn) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[conn.Remote()]
	if p == nil {
		p = &peer{server: s, key: conn.Remote()}
		s.peers[p.key] = p
	}
	p.sessions++
	session := &Session{server: s, peer: p, conn: conn}
	p.mu.Lock()
	p.open(session)
	p.mu.Unlock()
	return session
}

// left is called once for each session that has closed.
func (s *Server) left(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.sessions--; p.sessions == 0 {
		delete(s.peers, p.key)
		p.mu.Lock()
		if p.stopHold != nil {
			p.stopHold()
		}
		p.mu.Unlock()
	}
}

// Dropped returns how many sends were dropped because too many waited.
func (s *Server) Dropped() uint64 { return s.dropped.Load() }

// Wait returns when no handler runs. No session may be open any more.
func (s *Server) Wait() { s.runs.Wait() }

// A peer is what the sessions of one peer share: its limits, and the order of its sends.
type peer struct {
	server *Server
	key    identity.PublicKey

	sessions int // guarded by server.mu

	calls     atomic.Int64 // running
	callBytes atomic.Int64

	mu        sync.Mutex // guards the rest
	order     []*Session // in the order they were opened, until they can bring no more sends
	heldUntil time.Time  // with two of them
	stopHold  func() bool
	sends     int // waiting
	sendBytes int
	draining  bool // a goroutine works the sends off
	warned    time.Time
	unwarned  uint64 // dropped since
}

// enter takes the limits for a call, and names the one that is reached.
func (p *peer) enter(args int) *envelope.RemoteError {
	c := &p.server.config
	if n := p.calls.Add(1); n > int64(c.Calls) {
		p.calls.Add(-1)
		return &envelope.RemoteError{Code: envelope.CodeOverloaded, Text: limitText("calls at once from one peer", c.Calls)}
	}
	if n := p.callBytes.Add(int64(args)); n > int64(c.CallBytes) {
		p.callBytes.Add(int64(-args))
		p.calls.Add(-1)
		return &envelope.RemoteError{Code: envelope.CodeOverloaded, Text: limitText("bytes of arguments at once from one peer", c.CallBytes)}
	}
	return nil
}

func (p *peer) leave(args int) {
	p.callBytes.Add(int64(-args))
	p.calls.Add(-1)
}
