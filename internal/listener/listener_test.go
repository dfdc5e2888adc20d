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
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/limiter"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

func TestSessionWithATrustedKeyIsPassedOn(t *testing.T) {
	inBubble(t, nil, func(d *door) {
		peer := kit.KeyPair(2)
		d.trust(peer.PublicKey())
		c := d.dial(d.host("10.0.0.2"))
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
			d.dial(from)
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
		d.enter(d.dial(shared), peer)
		elsewhere := d.dial(other)
		first := d.dial(shared)
		for range trustedShare*maxStrangers - 1 {
			d.dial(shared)
		}
		expectOpen(t, "the oldest at the trusted address", first)
		if n := d.counters.Strangers.Load(); n != trustedShare*maxStrangers+1 {
			t.Errorf("%d strangers", n)
		}
		d.dial(shared)
		expectReset(t, "the oldest at the trusted address", first)
		expectOpen(t, "a stranger elsewhere", elsewhere)
		for range maxPerSource {
			d.dial(other)
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
		c := d.dial(d.host("10.0.0.2"))
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
		c := d.dial(d.host("10.0.0.2"))
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
		honest := d.dial(d.host("192.0.2.1"))
		source := d.host("10.0.0.2")
		var flood []net.Conn
		for range maxPerSource + 3 {
			flood = append(flood, d.dial(source))
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
			others = append(others, d.dial(source))
		}
		expectOpen(t, "the oldest of the largest source", flood[3])
		late := d.dial(d.host("192.0.2.2"))
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
		d.enter(d.dial(d.host("192.0.2.3")), peer)
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
			d.dial(source)
		}
		if got := logged(); got != "" {
			t.Errorf("logged %q below the limit", got)
		}
		for range 10 {
			d.dial(source)
		}
		if got := logged(); strings.Count(got, "\n") != 1 || !strings.Contains(got, fmt.Sprintf("reset=1 limit=Limits.StrangersPerSource value=%d\n", maxPerSource)) {
			t.Errorf("logged %q", got)
		}
		time.Sleep(limiter.Period) // they have timed out
		for i := range maxStrangers + 1 {
			if i%28 == 0 {
				source = d.host(fmt.Sprintf("10.0.1.%d", 1+i/28))
			}
			d.dial(source)
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
		c := d.dial(from)
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
		b := d.dial(from)
		for range maxPerSource - 1 {
			d.dial(from)
		}
		var others []*memnet.Host // that have less than from
		for i := range 8 {
			others = append(others, d.host(fmt.Sprintf("10.0.1.%d", 1+i)))
		}
		for i := range maxStrangers - maxPerSource - 1 {
			d.dial(others[i%len(others)])
		}
		release := d.occupy()
		d.enter(d.dial(d.host("10.0.0.3")), first)
		synctest.Wait()
		other := d.host("10.0.0.4")
		for range 2 {
			d.dial(other) // the second makes b go, once the listener has time
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
		d.enter(d.dial(d.host("10.0.0.2")), peer)
		synctest.Wait()
		from := d.host("10.0.0.3")
		for range acceptsAhead + 1 {
			waiting = append(waiting, d.dial(from))
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
