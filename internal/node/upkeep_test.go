package node

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/frame"
	"github.com/seed-f6ddb928/peernet-go/handshake"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

// TestIdleSessionEnds: after that nothing but need brings the nodes together again (wire.md §6.8).
func TestIdleSessionEnds(t *testing.T) {
	for _, both := range []bool{false, true} {
		inBubble(t, func(t *testing.T, b *bubble) {
			w := b.world(1)
			x, y := w.pair()
			x.stop(time.Minute)
			x.adjust = func(c *Config) { c.Peers.IdleAfter = 10 * time.Minute }
			if both {
				y.stop(time.Minute)
				y.adjust = x.adjust
				y.start()
			}
			x.start()
			x.dials(y)
			only[peers.Up](x)
			for range 20 { // calls of either side keep it
				time.Sleep(9 * time.Minute)
				if err := x.call(y, "echo"); err != nil {
					t.Fatal(err)
				}
				x, y = y, x
			}
			long := make(chan error, 1) // and so does one that is in flight
			go func() { long <- x.call(y, "wait") }()
			time.Sleep(time.Hour)
			if downs := take[peers.Down](x); len(downs) > 0 {
				t.Fatalf("ended while a call was in flight: %+v", downs)
			}
			y.release()
			if err := answer(w, long); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10*time.Minute - time.Second)
			if downs := take[peers.Down](x); len(downs) > 0 {
				t.Fatalf("ended too early: %+v", downs)
			}
			time.Sleep(2*time.Minute + 32*time.Second)
			for _, n := range []*testNode{x, y} {
				if down := only[peers.Down](n); down.Reason != envelope.ReasonIdle {
					t.Errorf("%s: %+v", n.name, down)
				}
			}
			dials := x.dialled.Load() + y.dialled.Load()
			for range 10 { // what is heard again is not dialled
				x.finds(y)
				y.finds(x)
				time.Sleep(time.Minute)
			}
			if x.link(y) != nil || x.state(y) != peers.Found || x.dialled.Load()+y.dialled.Load() != dials {
				t.Errorf("connected again: %v, state %s", x.link(y) != nil, x.state(y))
			}
			for _, n := range []*testNode{x, y} {
				take[peers.Up](n)
			}
			x.Wake(y.key)
			synctest.Wait()
			one(x, y)
			w.end()
		})
	}
}

// TestConnectEndsIdleness: and so does a session that the peer initiates.
func TestConnectEndsIdleness(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair(func(c *Config) { c.Peers.IdleAfter = time.Minute })
		for range 3 {
			x.dials(y)
			time.Sleep(2 * time.Minute)
			if x.link(y) != nil {
				t.Fatal("did not end")
			}
			x, y = y, x
		}
		x.Wake(y.key) // as a call that waits for the peer does
		time.Sleep(time.Second)
		w.net.Reset(x.host, y.host) // lost, which is not for want of use
		time.Sleep(10 * time.Second)
		if x.link(y) == nil {
			t.Error("not dialled again")
		}
		w.end()
	})
}

// TestPeersAreBounded: who comes too many is told to come back later, and does.
func TestPeersAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		hub := w.node("hub")
		hub.adjust = func(c *Config) { c.Peers.MaxPeers = 2 }
		hub.start()
		var others []*testNode
		for _, name := range []string{"one", "two", "three"} {
			n := w.node(name)
			n.start()
			n.trusts(hub)
			hub.trusts(n)
			others = append(others, n)
		}
		stranger := w.node("stranger")
		stranger.start()
		stranger.trusts(hub)
		others[0].dials(hub)
		others[1].dials(hub)
		err := answer(w, others[2].connect(hub, hub.addr))
		if e, ok := err.(*peers.RefusedError); !ok || e.Reason != envelope.ReasonBusy || e.Text == "" || e.RetryAfter < 30*time.Second || e.RetryAfter > time.Minute {
			t.Errorf("one too many: %v", err)
		}
		if e, ok := answer(w, stranger.connect(hub, hub.addr)).(*peers.RefusedError); !ok || e.Reason != envelope.ReasonRefused {
			t.Errorf("a stranger: %v", e)
		}
		if err, ok := answer(w, hub.connect(others[2], others[2].addr)).(*peers.LimitError); !ok || err.What != "Peers" || err.Limit != 2 {
			t.Errorf("the node's own dial: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if hub.link(others[2]) != nil {
			t.Fatal("connected though the limit is reached")
		}
		if n := others[2].tally.Connections(); n != 0 { // its address is known from a Connect alone
			t.Errorf("the hub has dialled %d times though it has no room", n)
		}
		hub.finds(others[2]) // it could dial the third, had it room
		time.Sleep(time.Minute)
		others[0].stop(time.Minute)
		time.Sleep(2 * time.Second)
		if hub.link(others[2]) == nil || others[2].link(hub) == nil {
			t.Error("there is room now, and the third is not connected")
		}
		others[0].start()
		time.Sleep(10 * time.Minute)
		if hub.link(others[0]) != nil {
			t.Error("connected though the limit is reached again")
		}
		w.end()
	})
}

// TestRefusedPeerComesBack: also if the one that has room again does not know where it is.
func TestRefusedPeerComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		hub, one, two := w.node("hub"), w.node("one"), w.node("two")
		hub.adjust = func(c *Config) { c.Peers.MaxPeers = 1 }
		for _, n := range []*testNode{one, two} {
			hub.trusts(n)
			n.trusts(hub)
		}
		for _, n := range w.nodes {
			n.start()
		}
		one.dials(hub)
		two.finds(hub)
		time.Sleep(time.Minute)
		one.stop(time.Minute)
		time.Sleep(time.Minute)
		if hub.link(two) == nil {
			t.Error("there is room now, and the second did not come back")
		}
		w.end()
	})
}

// TestSessionsAreBounded: a second session with a peer counts too, and what has ended does not.
func TestSessionsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair(func(c *Config) { c.Peers.MaxSessions = 1; c.Peers.RotateAfter = time.Hour })
		for range 5 {
			x.dials(y)
			first := x.link(y)
			time.Sleep(4 * time.Hour)
			if x.link(y) != first {
				t.Error("rotated though there is room for one session alone")
			}
			y.dialsAgain(x)
			time.Sleep(time.Second)
			if x.link(y) != first {
				t.Error("replaced though there is room for one session alone")
			}
			w.net.Reset(x.host, y.host)
			time.Sleep(time.Minute)
		}
		works(x, y)
		w.end()
	})
}

// A machine is the interfaces that a node is told of.
type machine struct {
	mu   sync.Mutex // guards addr
	addr string
}

func (m *machine) set(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addr = addr
}

func (m *machine) interfaces() ([]discovery.Interface, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []discovery.Interface{{Index: 2, Name: "eth0", Flags: net.FlagUp | net.FlagRunning, Addrs: []netip.Prefix{netip.MustParsePrefix(m.addr)}}}, nil
}

// TestAddressThatIsGoneEndsItsSessions: at once, and the next one is dialled without backoff (wire.md §7.5).
func TestAddressThatIsGoneEndsItsSessions(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		x.stop(time.Minute)
		m := &machine{addr: "10.0.0.1/24"}
		m.set(netip.PrefixFrom(x.addr.Addr(), 24).String())
		x.adjust = func(c *Config) { c.Interfaces = m.interfaces }
		x.start()
		x.dials(y)
		time.Sleep(10 * time.Second)
		moved := netip.MustParseAddr("10.0.0.77")
		x.host.SetAddrs(moved) // what was sent from the old one goes nowhere any more
		m.set("10.0.0.77/24")
		old, began := x.link(y), time.Now()
		for x.link(y) == old {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("noticed after %v", took)
		}
		time.Sleep(time.Second)
		if err := x.call(y, "echo"); err != nil {
			t.Errorf("a second later: %v", err)
		}
		if l := y.link(x); l == nil || l.Addr().Addr() != moved {
			t.Errorf("not connected from the new address")
		}
		w.end()
	})
}

// TestMachineThatMovesAgainAndAgain is connected again soon, each time, and the other end knows it soon after.
func TestMachineThatMovesAgainAndAgain(t *testing.T) {
	for _, mover := range []string{"arbiter", "other"} {
		t.Run(mover, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				w := b.world(1)
				x, y := w.pair()
				if mover == "other" {
					x, y = y, x
				}
				x.stop(time.Minute)
				m := &machine{addr: netip.PrefixFrom(x.addr.Addr(), 24).String()}
				x.adjust = func(c *Config) { c.Interfaces = m.interfaces }
				x.start()
				x.dials(y)
				time.Sleep(10 * time.Second)
				for i := range 12 {
					moved := netip.AddrFrom4([4]byte{10, 0, 0, byte(70 + i)})
					x.host.SetAddrs(moved)
					m.set(netip.PrefixFrom(moved, 24).String())
					time.Sleep(3 * time.Second)
					for _, way := range [][2]*testNode{{x, y}, {y, x}} {
						if l := way[0].link(way[1]); l == nil || l.Local() != moved && l.Addr().Addr() != moved {
							t.Errorf("%d: 3 s later %s has no session from the new address", i, way[0].name)
						}
					}
					works(x, y)
				}
				time.Sleep(time.Minute)
				if s := w.net.Stats(); s.Conns != 2 {
					t.Errorf("%d ends of connections are open, want 2", s.Conns)
				}
				if c := append(take[peers.Conflict](x), take[peers.Conflict](y)...); len(c) > 0 {
					t.Errorf("%+v", c)
				}
				w.end()
			})
		})
	}
}

// TestMoveDuringADial: it goes on from the new address, and is not held up by what went out from the old one.
func TestMoveDuringADial(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed, when := range []time.Duration{time.Second, 2500 * time.Millisecond, 4 * time.Second} {
			w := b.world(uint64(seed))
			x, y := w.pair()
			x.stop(time.Minute)
			m := &machine{addr: netip.PrefixFrom(x.addr.Addr(), 24).String()}
			x.adjust = func(c *Config) { c.Interfaces = m.interfaces }
			x.start()
			w.net.Cut(x.host, y.host)
			x.finds(y)
			time.Sleep(when)
			w.net.Heal(x.host, y.host)
			moved := netip.MustParseAddr("10.0.0.77")
			x.host.SetAddrs(moved)
			m.set("10.0.0.77/24")
			time.Sleep(3 * time.Second)
			if x.link(y) == nil {
				t.Errorf("moved after %v: not connected 3 s later", when)
			}
			w.end()
		}
	})
}

// TestDownTellsOfTheSessionInUse: not of a duplicate that ends with it.
func TestDownTellsOfTheSessionInUse(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(20) {
			w := b.world(seed)
			x, y := w.pair()
			w.net.SetDelay(20*time.Millisecond, 20*time.Millisecond)
			x.finds(y)
			y.finds(x)
			long := make(chan error, 1)
			for x.link(y) == nil {
				time.Sleep(time.Millisecond)
			}
			go func() { long <- x.call(y, "wait") }() // keeps the duplicate, if it is that
			time.Sleep(2 * time.Second)
			w.net.Reset(x.host, y.host)
			time.Sleep(time.Second)
			<-long
			for _, n := range []*testNode{x, y} {
				for _, d := range take[peers.Down](n) {
					if d.Reason == envelope.ReasonDuplicate {
						t.Errorf("seed %d: %s: %+v", seed, n.name, d)
					}
				}
			}
			w.end()
		}
	})
}

// TestOtherSessionsAreAskedForLife: one that a change has cut off is found out in two pongs' time, others go on.
func TestOtherSessionsAreAskedForLife(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		z := w.node("z")
		x.trusts(z)
		z.trusts(x)
		z.start()
		x.stop(time.Minute)
		m := &machine{addr: netip.PrefixFrom(x.addr.Addr(), 24).String()}
		x.adjust = func(c *Config) { c.Interfaces = m.interfaces }
		x.start()
		x.dials(y)
		z.dials(x)
		time.Sleep(time.Second)
		take[peers.Up](x)
		w.net.Cut(x.host, y.host)
		m.set(netip.PrefixFrom(x.addr.Addr(), 25).String()) // the same address on another network
		began := time.Now()
		for x.link(y) != nil {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 13*time.Second {
			t.Errorf("noticed after %v", took)
		}
		time.Sleep(2 * time.Second)
		if downs := take[peers.Down](x); len(downs) != 1 || downs[0].Key != y.key {
			t.Errorf("%+v", downs)
		}
		works(x, z)
		w.end()
	})
}

// TestChangeOfNetworkResetsBackoff: what was not reachable may be now.
func TestChangeOfNetworkResetsBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		x.stop(time.Minute)
		m := &machine{addr: "10.0.0.1/24"}
		x.adjust = func(c *Config) {
			c.Interfaces = m.interfaces
			c.Peers.Jitter = func() float64 { return 0.999 }
		}
		x.start()
		w.net.Cut(x.host, y.host)
		x.finds(y)
		time.Sleep(10 * time.Minute) // backoff is at its bound
		for x.state(y) == peers.Dialling {
			time.Sleep(time.Second)
		}
		w.net.Heal(x.host, y.host)
		m.set("10.0.0.1/25")
		time.Sleep(3 * time.Second)
		one(x, y)
		if info, _ := x.directory.Info(y.key); !slices.ContainsFunc(info.History, func(s peers.Step) bool { return s.Reason == "this machine's addresses have changed" }) {
			t.Errorf("the history does not tell: %+v", info.History)
		}
		w.end()
	})
}

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

// TestMessage3ThatIsSwallowedHoldsUpNobody: what answers at the first address passes all on but message 3.
func TestMessage3ThatIsSwallowedHoldsUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		relay := w.node("relay")
		swallow(t, w, relay, y)
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

// swallow passes connections to one node on to another, but of what comes in no more than message 1.
func swallow(t *testing.T, w *world, at, to *testNode) {
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
		}
	}()
}

// TestOnlyTheFirstToProveTheKeyGetsMessage3: two ways to one node, of which the first is slow.
func TestOnlyTheFirstToProveTheKeyGetsMessage3(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, slow := range []time.Duration{900 * time.Millisecond, 1200 * time.Millisecond, 5 * time.Second} {
			w := b.world(1)
			x, y := w.pair()
			relay := w.node("relay")
			passed := delay(t, w, relay, y, slow)
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

// delay passes connections to one node on to another, and holds what that answers back for some time. passed returns how
// many bytes have come from those who connect.
func delay(t *testing.T, w *world, at, to *testNode, by time.Duration) (passed func() int) {
	t.Helper()
	l, err := at.host.Listen(t.Context(), "tcp", at.addr.String())
	if err != nil {
		t.Fatal(err)
	}
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
			go copyAll(out, in, 0, true)
			go copyAll(in, out, by, false)
		}
	}()
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}
