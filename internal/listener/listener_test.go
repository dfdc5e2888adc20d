package listener

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
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
			Trusted: d.trusts, Compute: make(chan struct{}, 2), FrameLimit: frame.DefaultLimit, QueueBytes: 1 << 20,
			HandshakeTimeout: 10 * time.Second, PingAfter: 15 * time.Second, PongWithin: 5 * time.Second, WriteStall: 30 * time.Second, Linger: 30 * time.Second, Counters: &d.counters}
		stopped := make(chan struct{})
		props := Props(&Config{Listener: l, Session: s,
			Strangers: maxStrangers, StrangersPerSource: maxPerSource, Tell: d.tell})
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

// knock opens a connection that says nothing.
func (d *door) knock(from *memnet.Host) net.Conn {
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

func TestSessionWithATrustedKeyIsPassedOn(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		peer := kit.KeyPair(2)
		d.trust(peer.PublicKey())
		c := d.knock(d.host("10.0.0.2"))
		d.enter(c, peer)
		told := d.take()
		if len(told) != 1 {
			t.Fatalf("told %+v, want one Proved", told)
		}
		p, ok := told[0].(session.Proved)
		if !ok || p.Link.Remote() != peer.PublicKey() || p.Link.Role() != handshake.Responder {
			t.Fatalf("told %+v, want Proved", told[0])
		}
		if n := d.counters.Connections.Load(); n != 1 {
			t.Errorf("accepted %d", n)
		}
		// It is no stranger any more: a flood from its address costs it nothing.
		from := d.host("10.0.0.3")
		for range maxStrangers {
			d.knock(from)
		}
		expectOpen(t, "a session that has authenticated", c)
	})
}

// TestKnownAddressHasRoomOfItsOwn: strangers there have it too, but neither they nor those elsewhere take it from each other.
func TestKnownAddressHasRoomOfItsOwn(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		peer := kit.KeyPair(2)
		d.trust(peer.PublicKey())
		shared, other := d.host("10.0.0.2"), d.host("192.0.2.1")
		d.enter(d.knock(shared), peer)
		elsewhere := d.knock(other)
		first := d.knock(shared)
		for range knownShare*maxStrangers - 1 {
			d.knock(shared)
		}
		expectOpen(t, "the oldest at the known address", first)
		if n := d.counters.Strangers.Load(); n != knownShare*maxStrangers+1 {
			t.Errorf("%d strangers", n)
		}
		d.knock(shared)
		expectReset(t, "the oldest at the known address", first)
		expectOpen(t, "a stranger elsewhere", elsewhere)
		for range maxPerSource {
			d.knock(other)
		}
		expectReset(t, "the oldest stranger elsewhere", elsewhere)
		if got, want := d.counters.Results(handshake.Responder), map[string]uint64{"evicted": 2}; !maps.Equal(got, want) {
			t.Errorf("handshakes %v, want %v", got, want)
		}
	})
}

func TestUntrustedPeerLearnsThatItIsRefusedAndNothingElse(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		stranger := kit.KeyPair(2)
		c := d.knock(d.host("10.0.0.2"))
		plain, err := d.enter(c, stranger).Next()
		if want := envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonRefused}); err != nil || !bytes.Equal(plain, want) {
			t.Errorf("told %x, %v; want the bye of wire.md §A.6", plain, err)
		}
		if err := ended(t, c); !errors.Is(err, io.EOF) {
			t.Errorf("after the bye: %v, want the end", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		told := d.take()
		if want := []any{session.Refused{Key: stranger.PublicKey(), Addr: netip.MustParseAddrPort(c.LocalAddr().String())}}; !slices.Equal(told, want) {
			t.Errorf("told %+v, want %+v", told, want)
		}
		if got, want := d.counters.Results(handshake.Responder), map[string]uint64{"not_trusted": 1}; !maps.Equal(got, want) {
			t.Errorf("handshakes %v, want %v", got, want)
		}
	})
}

func TestSilentConnectionsEndAtTheDeadline(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		c := d.knock(d.host("10.0.0.2"))
		time.Sleep(10*time.Second - time.Nanosecond)
		expectOpen(t, "a connection before the deadline", c)
		time.Sleep(time.Nanosecond)
		expectReset(t, "a connection that said nothing", c)
		if got, want := d.counters.Results(handshake.Responder), map[string]uint64{"timeout": 1}; !maps.Equal(got, want) {
			t.Errorf("handshakes %v, want %v", got, want)
		}
	})
}

func TestAtABoundTheOldestOfTheLargestSourceIsReset(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		honest := d.knock(d.host("192.0.2.1"))
		source := d.host("10.0.0.2")
		var flood []net.Conn
		for range maxPerSource + 3 {
			flood = append(flood, d.knock(source))
		}
		for i, c := range flood {
			if i < 3 {
				expectReset(t, fmt.Sprintf("connection %d of the source", i), c)
			} else {
				expectOpen(t, fmt.Sprintf("connection %d of the source", i), c)
			}
		}
		// Sources enough to reach the bound of all: 32 of one, 1, and 223 more.
		var others []net.Conn
		for i := range maxStrangers - maxPerSource - 1 {
			if i%28 == 0 {
				source = d.host(fmt.Sprintf("10.0.1.%d", 1+i/28))
			}
			others = append(others, d.knock(source))
		}
		expectOpen(t, "the oldest of the largest source", flood[3])
		late := d.knock(d.host("192.0.2.2"))
		expectReset(t, "the oldest of the largest source", flood[3])
		for what, c := range map[string]net.Conn{"the newcomer": late, "the oldest of all": honest, "one of a smaller source": others[0]} {
			expectOpen(t, what, c)
		}
		if n, now := d.counters.Connections.Load(), d.counters.Strangers.Load(); n != maxStrangers+4 || now != maxStrangers {
			t.Errorf("accepted %d, of which %d are strangers; want %d, %d", n, now, maxStrangers+4, maxStrangers)
		}
		if got, want := d.counters.Results(handshake.Responder), map[string]uint64{"evicted": 4}; !maps.Equal(got, want) {
			t.Errorf("handshakes %v, want %v", got, want)
		}
		peer := kit.KeyPair(2)
		d.trust(peer.PublicKey())
		d.enter(d.knock(d.host("192.0.2.3")), peer)
		if told := d.take(); len(told) != 1 {
			t.Errorf("told %+v: a peer must get in during a flood", told)
		}
	})
}

// TestAFloodIsLoggedOnceAMinute: the line names the limit that is reached.
func TestAFloodIsLoggedOnceAMinute(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		told := 0
		logged := func() string {
			synctest.Wait()
			lines := d.log.Lines()[told:]
			told += len(lines)
			return strings.Join(lines, "")
		}
		source := d.host("10.0.0.2")
		for range maxPerSource {
			d.knock(source)
		}
		if got := logged(); got != "" {
			t.Errorf("logged %q below the limit", got)
		}
		for range 10 {
			d.knock(source)
		}
		if got := logged(); strings.Count(got, "\n") != 1 || !strings.Contains(got, fmt.Sprintf("reset=1 limit=Limits.StrangersPerSource value=%d\n", maxPerSource)) {
			t.Errorf("logged %q", got)
		}
		time.Sleep(limiter.Period) // they have timed out
		for i := range maxStrangers + 1 {
			if i%28 == 0 {
				source = d.host(fmt.Sprintf("10.0.1.%d", 1+i/28))
			}
			d.knock(source)
		}
		if got := logged(); strings.Count(got, "\n") != 1 || !strings.Contains(got, fmt.Sprintf("reset=10 limit=Limits.Strangers value=%d\n", maxStrangers)) {
			t.Errorf("logged %q", got)
		}
	})
}

func TestAfterStopNothingIsAcceptedAndSessionsGoOn(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		peer := kit.KeyPair(2)
		d.trust(peer.PublicKey())
		from := d.host("10.0.0.2")
		c := d.knock(from)
		d.System.Root.Send(d.pid, Stop{})
		d.System.Root.Send(d.pid, Stop{})
		synctest.Wait()
		if _, err := from.Dial(d.Context(), "tcp", d.addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after Stop: %v, want a refusal", err)
		}
		d.enter(c, peer)
		if told := d.take(); len(told) != 1 {
			t.Errorf("told %+v: a handshake that was under way must go on", told)
		}
	})
}

// TestEvictedInTheMomentOfItsProof: an evicted session is not passed on as well.
func TestEvictedInTheMomentOfItsProof(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		first, second := kit.KeyPair(2), kit.KeyPair(3)
		d.trust(first.PublicKey())
		d.trust(second.PublicKey())
		from := d.host("10.0.0.2")
		b := d.knock(from)
		for range maxPerSource - 1 {
			d.knock(from)
		}
		var others []*memnet.Host // that have less than from
		for i := range 8 {
			others = append(others, d.host(fmt.Sprintf("10.0.1.%d", 1+i)))
		}
		for i := range maxStrangers - maxPerSource - 1 {
			d.knock(others[i%len(others)])
		}
		release := d.occupy()
		d.enter(d.knock(d.host("10.0.0.3")), first)
		synctest.Wait()
		other := d.host("10.0.0.4")
		for range 2 {
			d.knock(other) // the second makes b go, once the listener has time
		}
		raw := d.enter(b, second)
		synctest.Wait()
		release()
		if told := d.take(); len(told) != 1 {
			t.Errorf("told %+v, want one Proved", told)
		}
		plain, err := raw.Next()
		if want := envelope.AppendBye(nil, envelope.Bye{Code: envelope.ReasonBusy}); err != nil || !bytes.Equal(plain, want) {
			t.Errorf("told %x, %v; want busy", plain, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWaitingConnectionsAreResetAtTheEnd: the listener's actor stops while it is busy.
func TestWaitingConnectionsAreResetAtTheEnd(t *testing.T) {
	var waiting []net.Conn
	inBubble(t, nil, func(d *door) {
		peer := kit.KeyPair(2)
		d.trust(peer.PublicKey())
		release := d.occupy()
		d.enter(d.knock(d.host("10.0.0.2")), peer)
		synctest.Wait()
		from := d.host("10.0.0.3")
		for range acceptsAhead + 1 {
			waiting = append(waiting, d.knock(from))
		}
		d.System.Root.Stop(d.pid)
		release()
		for i, c := range waiting {
			expectReset(t, fmt.Sprintf("connection %d", i), c)
		}
		if n := d.counters.Connections.Load(); n != 1 {
			t.Errorf("accepted %d, want 1", n)
		}
	})
}

// A scripted listener hands out what its test wants.
type scripted struct {
	net.Listener
	accept func() (net.Conn, error)
}

func (s *scripted) Accept() (net.Conn, error) { return s.accept() }

func TestAcceptedAfterStopIsReset(t *testing.T) {
	release := make(chan struct{})
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) {
			c, err := l.Accept()
			if err == nil {
				release = make(chan struct{})
				<-release // what has left the queue is not closed with the listener
			}
			return c, err
		}}
	}, func(d *door) {
		c := d.knock(d.host("10.0.0.2"))
		d.System.Root.Send(d.pid, Stop{})
		synctest.Wait()
		expectOpen(t, "a connection between Accept and the listener", c)
		close(release)
		expectReset(t, "a connection accepted after Stop", c)
		if n := d.counters.Connections.Load(); n != 0 {
			t.Errorf("accepted %d", n)
		}
	})
}

func TestAcceptErrorsBackOffAndRecover(t *testing.T) {
	var mu sync.Mutex // guards the rest
	failing, attempts := true, []time.Time(nil)
	emfile := &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) {
			mu.Lock()
			fails := failing
			attempts = append(attempts, time.Now())
			mu.Unlock()
			if fails {
				return nil, emfile
			}
			return l.Accept()
		}}
	}, func(d *door) {
		time.Sleep(10 * time.Second)
		mu.Lock()
		failing = false
		var pauses []time.Duration
		for i, a := range attempts[1:] {
			pauses = append(pauses, a.Sub(attempts[i]))
		}
		mu.Unlock()
		want := []time.Duration{}
		for p := firstPause; p < maxPause; p *= 2 {
			want = append(want, p)
		}
		if len(pauses) < len(want)+5 || !slices.Equal(pauses[:len(want)], want) {
			t.Fatalf("pauses %v, want them to begin with %v", pauses, want)
		}
		for _, p := range pauses[len(want):] {
			if p != maxPause {
				t.Errorf("pauses %v, want %v at last", pauses, maxPause)
			}
		}
		time.Sleep(maxPause)
		expectOpen(t, "a connection after the errors", d.knock(d.host("10.0.0.2")))
		if n := d.counters.Connections.Load(); n != 1 {
			t.Errorf("accepted %d, want 1", n)
		}
		mu.Lock()
		failing = true
		attempts = nil
		mu.Unlock()
		d.knock(d.host("10.0.0.3")) // the Accept that waits takes it; the next one fails
		time.Sleep(firstPause)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(attempts) < 2 || attempts[1].Sub(attempts[0]) != firstPause {
			t.Errorf("attempts %v: after a success the pause must be %v again", attempts, firstPause)
		}
	})
}

func TestStrangersMakeRoomWhenDescriptorsRunOut(t *testing.T) {
	var out atomic.Bool
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) {
			if out.Load() {
				return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
			}
			return l.Accept()
		}}
	}, func(d *door) {
		source := d.host("10.0.0.2")
		oldest := d.knock(source)
		time.Sleep(time.Second)
		newer := d.knock(source)
		synctest.Wait()
		out.Store(true)
		d.knock(d.host("10.0.0.3")) // the Accept that waits takes it; the next one fails
		synctest.Wait()
		if n := d.counters.Results(handshake.Responder)["evicted"]; n != 1 {
			t.Errorf("%d strangers made room at the first error, want 1", n)
		}
		expectReset(t, "the oldest of the source that has most", oldest)
		expectOpen(t, "the newer one", newer)
		out.Store(false)
		time.Sleep(maxPause)
	})
}

func TestStopEndsAnAcceptThatPauses(t *testing.T) {
	inBubble(t, func(l net.Listener) net.Listener {
		return &scripted{l, func() (net.Conn, error) { return nil, syscall.EMFILE }}
	}, func(d *door) {
		time.Sleep(time.Minute)
		began := time.Now()
		d.System.Root.Send(d.pid, Stop{})
		synctest.Wait() // goleak finds what is left
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}
