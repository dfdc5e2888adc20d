package listener

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/clock"
	"github.com/seed-f6ddb928/peernet-go/internal/counters"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// A door is a listener under test, in a bubble, and what it tells the node.
type door struct {
	*testing.T
	net    *memnet.Network
	server *memnet.Host
	addr   string
	keys   identity.KeyPair
	*kit.Actors
	pid      *actor.PID
	counters counters.Node
	log      *kit.Log
	trusted  map[identity.PublicKey]bool // guarded by mu

	takesGuests bool // set before the first guest

	mu   sync.Mutex // guards the rest
	told []any
	busy chan struct{} // not nil: Tell waits until it is closed
}

// occupy makes the listener's actor wait in its next Tell until release is called.
func (d *door) occupy() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	busy := make(chan struct{})
	d.busy = busy
	return func() {
		d.mu.Lock()
		d.busy = nil
		d.mu.Unlock()
		close(busy)
		synctest.Wait()
	}
}

// inBubble runs f on a listener at 10.0.0.1:7100 that wrap, if not nil, puts something in front of. It checks that
// nothing is left of it.
func inBubble(t *testing.T, wrap func(net.Listener) net.Listener, f func(*door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		before := goleak.IgnoreCurrent()
		d := &door{T: t, Actors: kit.NewActors(), log: kit.NewAlarm(t), net: memnet.New(1), addr: "10.0.0.1:7100", keys: kit.KeyPair(1), trusted: make(map[identity.PublicKey]bool)}
		d.server = d.net.Host(netip.MustParseAddr("10.0.0.1"))
		var l net.Listener
		l, err := d.server.Listen(t.Context(), "tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		if wrap != nil {
			l = wrap(l)
		}
		s := &session.Config{Static: d.keys, Hello: envelope.Hello{Version: 1}, Rand: rand1{}, Clock: clock.System, Log: d.log.Logger(), Pool: d.Pool,
			Trusted: d.trusts, TakesGuests: func() bool { return d.takesGuests }, Compute: make(chan struct{}, 2), FrameLimit: frame.DefaultLimit, QueueBytes: 1 << 20,
			HandshakeTimeout: 10 * time.Second, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second, WriteStall: 30 * time.Second, Linger: 30 * time.Second, LingerReplaced: 30 * time.Second, StreamBytes: 64 << 20, GuestPace: 8 << 20, Counters: &d.counters}
		stopped := make(chan struct{})
		props := Props(&Config{Listener: l, Session: s,
			Strangers: maxStrangers, StrangersPerSource: maxPerSource,
			Guests: maxGuests, GuestsPerSource: maxGuestsPerSource, Tell: d.tell})
		d.pid = d.System.Root.Spawn(props.Configure(actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(c actor.ReceiverContext, e *actor.MessageEnvelope) {
				next(c, e)
				if _, ok := e.Message.(*actor.Stopped); ok {
					close(stopped)
				}
			}
		})))
		f(d)
		d.System.Root.Stop(d.pid)
		<-stopped
		time.Sleep(2 * time.Second) // of a session's last words
		synctest.Wait()
		if s := d.net.Stats(); s.Listeners != 0 {
			t.Errorf("left open: %+v", s)
		}
		d.Close()
		goleak.VerifyNone(t, before)
	})
}

// rand1 is randomness that repeats: every byte is 1.
type rand1 struct{}

func (rand1) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

func (d *door) tell(m any) {
	d.mu.Lock()
	d.told = append(d.told, m)
	busy := d.busy
	d.mu.Unlock()
	if busy != nil {
		<-busy
	}
}

// take returns what the listener has told since the last time.
func (d *door) take() []any {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	told := d.told
	d.told = nil
	return told
}

func (d *door) trust(key identity.PublicKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trusted[key] = true
}

func (d *door) trusts(key identity.PublicKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.trusted[key]
}

func (d *door) host(addr string) *memnet.Host { return d.net.Host(netip.MustParseAddr(addr)) }

// dial opens a connection that says nothing.
func (d *door) dial(from *memnet.Host) net.Conn {
	d.Helper()
	c, err := from.Dial(d.Context(), "tcp", d.addr)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = c.Close() })
	synctest.Wait()
	return c
}

// enter does the initiator's part of a handshake on c.
func (d *door) enter(c net.Conn, keys identity.KeyPair) *kit.RawPeer {
	d.Helper()
	return kit.NewRawPeer(d, c, handshake.Initiator, keys, d.keys.PublicKey()).Handshake()
}

// ended says how a connection has ended: nil while it has not.
func ended(t *testing.T, c net.Conn) error {
	t.Helper()
	synctest.Wait()
	if err := c.SetReadDeadline(time.Now().Add(time.Nanosecond)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1))
	if n != 0 {
		t.Fatal("the connection has something to say")
	}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		return nil
	}
	return err
}

func expectOpen(t *testing.T, what string, c net.Conn) {
	t.Helper()
	if err := ended(t, c); err != nil {
		t.Errorf("%s has ended: %v", what, err)
	}
}

func expectReset(t *testing.T, what string, c net.Conn) {
	t.Helper()
	if err := ended(t, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: %v, want a reset", what, err)
	}
}
