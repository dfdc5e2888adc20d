package serve

import (
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/actorkit"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
)

// A Config is what a Server needs; every field is required.
type Config struct {
	Clock clock.Clock
	Log   *slog.Logger
	Pool  *actorkit.Pool
	Rand  io.Reader // for incident ids; it is used from several goroutines at once

	Calls       int // calls of one peer that run at once, streams not counted; the next is refused with `overloaded`
	CallBytes   int // bytes of their arguments together; likewise
	Streams     int // streams of one peer that run at once; likewise
	StreamBytes int // bytes of their arguments, and of what is reserved for their values; likewise
	Sends       int // sends of one peer that wait or run; the next is dropped and counted
	SendBytes   int // bytes of their arguments together; likewise

	GuestCalls int // calls of one guest whose handler runs or whose reply waits for room; the next is refused with `overloaded`
	GuestBytes int // bytes of the arguments of all guests' calls, and guestReply for the reply of each; likewise
}

// A Server runs the handlers of one node. It is safe for concurrent use.
type Server struct {
	Table
	config   Config
	overload overload

	mu       sync.Mutex // guards peers and guests
	peers    map[identity.PublicKey]*peer
	guests   map[*peer]struct{}
	held     atomic.Int64   // of Config.GuestBytes
	runs     sync.WaitGroup // of goroutines that run handlers
	runnable runnable
}

// A Conn is the session that brings calls, as serve needs it.
type Conn interface {
	Remote() identity.PublicKey
	Addr() netip.AddrPort
	Hello() envelope.Hello

	// Codec returns the codec of the arguments that it brings.
	Codec() envelope.Codec

	// Counters returns where to count.
	Counters() *counters.Peer

	// Reply answers a call, waiting for room.
	Reply(id envelope.CallID, result any, refusal *envelope.RemoteError)

	// Refuse answers a call without waiting. It returns false if too many such answers wait.
	Refuse(id envelope.CallID, refusal *envelope.RemoteError) bool

	// ServeStream returns the stream of a call that asks for one: credit is how many bytes of values its caller takes.
	ServeStream(id envelope.CallID, credit int) Stream

	// CheckDrained is called when Pending has gone down.
	CheckDrained()
}

// A Stream is what a call has besides its arguments and its reply, if the caller asks for it. It is an alias, so that a session can
// be a Conn without knowing this package.
type Stream = interface {
	// Reply answers the call in place of Conn.Reply, behind all values.
	Reply(result any, refusal *envelope.RemoteError)
}

// New returns a server without handlers.
func New(c Config) *Server {
	s := &Server{config: c, peers: make(map[identity.PublicKey]*peer), guests: make(map[*peer]struct{})}
	s.overload = newOverload(&c)
	s.runnable.server = s
	return s
}

// Open serves the requests that come over conn, until the session that it returns is closed.
func (s *Server) Open(conn Conn) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[conn.Remote()]
	if p == nil {
		p = &peer{server: s, key: conn.Remote(), drops: limiter.Lines{Most: 1}}
		s.peers[p.key] = p
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open()
	return &Session{server: s, peer: p, conn: conn, isServed: true}
}

// forget drops a peer that has nothing left: no session, no handler that runs, no send that waits. Until then a
// peer that comes back finds its limits as they were, and its sends in order.
func (s *Server) forget(p *peer) {
	s.mu.Lock()
	p.mu.Lock()
	idle := p.isIdle()
	if idle && p.isGuest {
		delete(s.guests, p)
	} else if idle && s.peers[p.key] == p {
		delete(s.peers, p.key)
	}
	p.mu.Unlock()
	s.mu.Unlock()
	if idle {
		p.drops.Flush()
	}
}

// A Load is the work of one peer's requests at one moment.
type Load struct {
	Calls int // their handlers run, or their replies wait for room; streams are calls
	Bytes int // of the arguments of these calls, and of the sends that wait or run
}

// Loads returns the work of each peer's requests.
func (s *Server) Loads() map[identity.PublicKey]Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[identity.PublicKey]Load, len(s.peers))
	for key, p := range s.peers {
		m[key] = p.load()
	}
	return m
}

// Wait returns when no handler runs and no send waits. No session may be open any more.
func (s *Server) Wait() { s.runs.Wait() }

// DropSends drops the sends that wait and cancels those that run: nothing else ends them once their sessions are
// closed. It is for a Wait that takes too long. No session may be open any more.
func (s *Server) DropSends() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		p.mu.Lock()
		p.discard(nil)
		p.mu.Unlock()
	}
}
