package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/envelope/etf"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
)

// A dialect is what differs between sessions with native and with BEAM nodes (wire.md §13). The session asks this
// value where they differ.
type dialect struct {
	name  handshake.Dialect
	codec envelope.Codec

	// hasControl says that the peer knows the protocol's own messages: hello, bye and cancel. Without them a session
	// ends without a word, and a call is cancelled at this end alone.
	hasControl bool

	// upAtPong says that the session is up at the peer's first pong, for which it is pinged again and again: what comes
	// with message 3 lies there until more comes.
	upAtPong bool

	// busyIsSilent says that the peer's handlers hold up its pongs, and all that it reads: calls of this node may be why it is
	// silent. See isSilenceExcused.
	busyIsSilent bool
}

// dialectOf has the dialect of each name.
var dialectOf = [...]*dialect{
	handshake.Native: {name: handshake.Native, codec: envelope.Msgpack, hasControl: true},
	handshake.BEAM:   {name: handshake.BEAM, codec: etf.Codec, upAtPong: true, busyIsSilent: true},
}

// How often a peer is pinged until its first pong (wire.md §13.7): at first every readyPing, in case its bytes were read
// with message 3; after firstPings, every lateReadyPing, in case a handler of the peer holds the pong up.
const (
	readyPing     = 5 * time.Millisecond
	firstPings    = 20
	lateReadyPing = 250 * time.Millisecond
)

var (
	// ErrMaybeNoHandler says that a BEAM node has closed the session while a call waited for its answer. It does so,
	// without a word, for a name that it has no atom for.
	ErrMaybeNoHandler = errors.New("closed: perhaps no such handler")

	// ErrNotAccepted says that a BEAM node has closed the connection after the handshake, before the session was up. It
	// does so, without a word, for a key that it does not trust.
	ErrNotAccepted = errors.New("the peer closed the connection before it accepted: it may not trust this node's key")

	// ErrDialect ends a handshake whose peer may not be served in the dialect that it speaks.
	ErrDialect = errors.New("the peer is known to speak another dialect")
)

// setDialect has the session speak d from now on. It is called before the peer is proved.
func (l *Link) setDialect(d handshake.Dialect) {
	l.dialect = dialectOf[d]
	l.codec, l.queue.codec = l.dialect.codec, l.dialect.codec
	if l.dialect.upAtPong && l.ready == nil {
		l.ready, l.sent = make(chan struct{}), &sentNames{}
	}
}

// setReady lets calls and sends go on that wait in awaitReady. The actor calls it when the session is up or has ended.
func (s *session) setReady() {
	if s.ready != nil && !s.isReady {
		s.isReady = true
		close(s.ready)
	}
}

// awaitReady waits until the session is up, or has ended: then what comes next says so. A BEAM node that has two sessions
// closes the older one, with all that is in flight. So what is begun while the newer one comes up waits for it.
func (l *Link) awaitReady(ctx context.Context) error {
	select {
	case <-l.ready:
		return nil
	case <-ctx.Done():
		return &AbandonedError{Err: ctx.Err()}
	}
}

// Dialect returns the dialect of the session.
func (l *Link) Dialect() handshake.Dialect { return l.dialect.name }

// Codec returns the codec of the session's envelopes.
func (l *Link) Codec() envelope.Codec { return l.codec }

// argsOf returns args, or what the session's codec has made of them if they are for peers of several dialects.
func (l *Link) argsOf(args any) (any, error) {
	shared, ok := args.(*envelope.Shared)
	if !ok {
		return args, nil
	}
	raw, err := shared.For(l.codec)
	if err != nil {
		return nil, fmt.Errorf("encode the arguments: %w", err)
	}
	return raw, nil
}

// readMessage1 reads message 1, whose length tells the dialect of the initiator, and returns the handshake for it. state is
// that of the native dialect.
func (c *Config) readMessage1(conn net.Conn, hc *handshake.Config, state *handshake.State, in []byte) (*handshake.State, int, error) {
	_, size := state.Next()
	err := frame.ReadExact(conn, in[:size])
	wrong, isSize := errors.AsType[*frame.SizeError](err)
	if !isSize {
		return state, size, err
	}
	other, known := handshake.DialectOf(int(wrong.Got))
	switch {
	case hc.Knocks != nil && wrong.Got == handshake.Message1Size && c.takesGuests():
		hc.Knocks, hc.Guest = nil, true // without a knock nothing but a guest may come (wire.md §4.7)
	case known && other != hc.Dialect && c.Dialects.Speaks(other):
		hc.Dialect = other
	default:
		return state, size, err
	}
	state.Discard()
	next, err := handshake.New(*hc)
	if err != nil {
		return state, 0, err
	}
	state = next
	_, size = state.Next()
	return state, size, readBody(conn, in[:size])
}

// awaitRequest is awaitReady for a call or a send. It refuses one whose name has closed the last two sessions.
func (l *Link) awaitRequest(ctx context.Context, name string) error {
	if l.names.IsSuspect(name) {
		return &LinkError{Reason: ReasonLost, Err: ErrMaybeNoHandler, kept: true}
	}
	return l.awaitReady(ctx)
}

// recordName learns from the end of a call whether the peer knows its name.
func (l *Link) recordName(name string, err error) {
	var remote *envelope.RemoteError
	switch {
	case err == nil || errors.As(err, &remote):
		l.names.Answered(name)
	case errors.Is(err, ErrMaybeNoHandler):
		l.names.Suspect(l.ID(), name)
	}
}

// Bounds of what a session with a BEAM node keeps of its sends, which no answer tells of.
const (
	maxSentNames = 16              // names
	sendMayClose = 5 * time.Second // how long after a send the end of the session may be due to its name
)

// sentNames are the names of the last sends over a session with a BEAM node, the latest last. It is safe for concurrent use.
type sentNames struct {
	mu   sync.Mutex
	list []sentName
}

type sentName struct {
	name string
	at   time.Time
}

// record records a send.
func (n *sentNames) record(name string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = slices.DeleteFunc(n.list, func(s sentName) bool { return s.name == name })
	if len(n.list) == maxSentNames {
		n.list = slices.Delete(n.list, 0, 1)
	}
	n.list = append(n.list, sentName{name, now})
}

// suspectSends records that the peer has closed the session shortly after these sends.
func (l *Link) suspectSends() {
	l.sent.mu.Lock()
	defer l.sent.mu.Unlock()
	now := l.config.Clock.Now()
	for _, s := range l.sent.list {
		if now.Sub(s.at) <= sendMayClose {
			l.names.Suspect(l.ID(), s.name)
		}
	}
}

// pingUntilUp pings a peer that is up at its first pong.
func (s *session) pingUntilUp() {
	if s.up || !s.isTalking() {
		return
	}
	s.pingPeer(s.framesIn.Load())
	wait := readyPing
	if s.readyPings++; s.readyPings >= firstPings {
		s.readyPings, wait = firstPings, lateReadyPing
	}
	s.stopLiveness = s.after(wait, readyPingDue{})
}

// maxExcused is how long a peer may be silent in all because it works on calls.
const maxExcused = 10 * time.Minute

// isSilenceExcused says whether a call may be why the peer is silent, whose silence was noticed at from: by a ping that it has
// not answered, or a write that it has not taken. A call that began later was sent after that, so it explains nothing. One that
// began before explains it for as long as its caller waits.
func (l *Link) isSilenceExcused(from, now time.Time) bool {
	return l.dialect.busyIsSilent && now.Sub(l.Heard()) < maxExcused && l.flight.hasCallBegunBy(from)
}

// hasCallBegunBy says whether a call waits for its answer that began at that time or before. Only calls to BEAM nodes keep when
// they began.
func (t *inFlight) hasCallBegunBy(at time.Time) (has bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls.All(func(p *pending) { has = has || !p.sent.After(at) })
	return has
}

// explainClose says more about why a BEAM node has closed the connection, which says nothing itself. err is what the
// connection says; nil: it was closed.
func (s *session) explainClose(err error) error {
	isReset := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) // it had not read all
	switch {
	case s.dialect.hasControl || s.state != open || err != nil && !isReset:
		return err
	case !s.up:
		return ErrNotAccepted
	}
	s.suspectSends()
	if s.callers.Load() > 0 {
		return ErrMaybeNoHandler
	}
	return err
}
