package node

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

// TestSilentAddressDoesNotHoldUpTheNext: the first address takes the connection and says nothing (wire.md §8.1).
func TestSilentAddressDoesNotHoldUpTheNext(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, silent := range []int{1, 3} {
			w := b.world(1)
			x, y := w.pair()
			mute := w.node("mute")
			var addrs []netip.AddrPort
			for i := range silent {
				addr := netip.AddrPortFrom(mute.addr.Addr(), uint16(9000+i))
				l, err := mute.host.Listen(t.Context(), "tcp", addr.String())
				if err != nil {
					t.Fatal(err)
				}
				addrs = append(addrs, addr)
				defer l.Close()
			}
			began := time.Now()
			if err := answer(w, x.connect(y, append(addrs, y.addr)...)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > time.Duration(silent)*time.Second+100*time.Millisecond {
				t.Errorf("%d silent addresses: connected after %v", silent, took)
			}
			time.Sleep(time.Minute) // the others are given up
			only[peers.Up](x)
			works(x, y)
			mute.host.Crash()
			w.end()
		}
	})
}

// TestAddressHeardDuringASilentHandshakeIsTriedBeside: it need not wait for the end of that (wire.md §7.5).
func TestAddressHeardDuringASilentHandshakeIsTriedBeside(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, later := range []time.Duration{300 * time.Millisecond, 3 * time.Second} {
			w := b.world(1)
			x, y := w.pair()
			mute := w.node("mute")
			l, err := mute.host.Listen(t.Context(), "tcp", mute.addr.String())
			if err != nil {
				t.Fatal(err)
			}
			x.manual.Found(y.key, mute.addr)
			time.Sleep(later)
			x.finds(y)
			time.Sleep(max(0, time.Second-later) + 100*time.Millisecond)
			if x.link(y) == nil {
				t.Errorf("heard %v after the dial of a silent address: not connected", later)
			}
			_ = l.Close()
			mute.host.Crash()
			w.end()
		}
	})
}

// TestMessage3ThatIsSwallowedHoldsUpNoDial: what answers at the first address passes all on but message 3.
func TestMessage3ThatIsSwallowedHoldsUpNoDial(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		relay := w.node("relay")
		swallow(t, relay, y)
		began := time.Now()
		if err := answer(w, x.connect(y, relay.addr, y.addr)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("connected after %v", took)
		}
		time.Sleep(time.Minute)
		one(x, y)
		relay.host.Crash()
		w.end()
	})
}

// swallow passes connections to one node on to another. Of what it reads it passes on message 1 alone.
func swallow(t *testing.T, at, to *testNode) {
	t.Helper()
	relay(t, at, to, func(in, out net.Conn) {
		go func() {
			defer out.Close()
			first := make([]byte, frame.HeaderSize+handshake.Message1Size)
			if _, err := io.ReadFull(in, first); err == nil {
				_, _ = out.Write(first)
			}
			_, _ = io.Copy(io.Discard, in)
		}()
		go func() {
			defer in.Close()
			_, _ = io.Copy(in, out)
		}()
	})
}

// TestOnlyTheFirstToProveTheKeyGetsMessage3: there are two ways to one node, and the first is slow.
func TestOnlyTheFirstToProveTheKeyGetsMessage3(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, slow := range []time.Duration{900 * time.Millisecond, 1200 * time.Millisecond, 5 * time.Second} {
			w := b.world(1)
			x, y := w.pair()
			relay := w.node("relay")
			passed := delay(t, relay, y, slow)
			began := time.Now()
			if err := answer(w, x.connect(y, relay.addr, y.addr)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 1100*time.Millisecond && slow > time.Second {
				t.Errorf("the first address answers after %v: connected after %v", slow, took)
			}
			time.Sleep(time.Minute)
			if got, both := passed(), 36+68; slow > time.Second && got != 36 || slow < time.Second && got < both {
				t.Errorf("the first address answers after %v: %d bytes were sent there", slow, got)
			}
			if slow > time.Second {
				one(x, y)
			}
			relay.host.Crash()
			w.end()
		}
	})
}

// delay passes connections to one node on to another, and holds the answers back for some time. passed returns how
// many bytes it has passed on from the nodes that connect.
func delay(t *testing.T, at, to *testNode, by time.Duration) (passed func() int) {
	t.Helper()
	var mu sync.Mutex // guards count
	count := 0
	copyAll := func(dst, src net.Conn, by time.Duration, counted bool) {
		defer dst.Close()
		var b [4096]byte
		for {
			n, err := src.Read(b[:])
			if err != nil {
				return
			}
			time.Sleep(by)
			if counted {
				mu.Lock()
				count += n
				mu.Unlock()
			}
			if _, err := dst.Write(b[:n]); err != nil {
				return
			}
		}
	}
	relay(t, at, to, func(in, out net.Conn) {
		go copyAll(out, in, 0, true)
		go copyAll(in, out, by, false)
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

// relay accepts connections at one node, dials another for each, and hands both to pass, which returns at once.
func relay(t *testing.T, at, to *testNode, pass func(in, out net.Conn)) {
	t.Helper()
	l, err := at.host.Listen(t.Context(), "tcp", at.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := at.host.Dial(t.Context(), "tcp", to.addr.String())
			if err != nil {
				_ = in.Close()
				continue
			}
			pass(in, out)
		}
	}()
}
