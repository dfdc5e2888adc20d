package node

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// dies ends a node without a bye, and moves it to another address.
func (n *testNode) dies(to netip.Addr) {
	n.w.Helper()
	n.host.Crash()
	_ = n.stop(time.Nanosecond)
	n.host.SetAddrs(to)
	n.addr = netip.AddrPortFrom(to, n.addr.Port())
	n.host.Restart()
	synctest.Wait()
}

// TestPeerThatRestartsWithoutAWord: the boot rule of wire.md §7.4. Its former session looks alive, and is replaced.
func TestPeerThatRestartsWithoutAWord(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, arbiter := range []bool{true, false} {
			w := b.world(1)
			x, y := w.pair()
			if !arbiter {
				x, y = y, x
			}
			x.dials(y)
			one(x, y)
			old := x.link(y)
			result := x.calling(y, 1)
			y.dies(netip.MustParseAddr("10.0.0.50"))
			y.start()
			if x.link(y) != old {
				t.Fatal("the end of the former session was seen: that is not what is tested")
			}
			y.finds(x)
			synctest.Wait()
			if l := x.link(y); l == nil || l == old {
				t.Fatal("new calls do not use the new session at once")
			}
			works(x, y)
			if len(result) != 0 {
				t.Fatal("the former session was not waited for")
			}
			time.Sleep(time.Second)
			err := answer(w, result)
			if l := (*session.LinkError)(nil); !errors.As(err, &l) || l.Reason != envelope.ReasonUnresponsive || l.ByPeer {
				t.Errorf("the call over the former session: %v", err)
			}
			time.Sleep(2 * time.Second)
			if c := take[peers.Conflict](x); len(c) != 0 {
				t.Errorf("told %+v", c)
			}
			if u, d := take[peers.Up](x), take[peers.Down](x); len(u) != 0 || len(d) != 0 {
				t.Errorf("told %+v, %+v: the peer was connected all the time", u, d)
			}
			only[peers.Up](y)
			works(x, y)
			if s := w.net.Stats(); s.Conns != 2 {
				t.Errorf("%d ends of connections are open", s.Conns)
			}
			w.end()
		}
	})
}

// TestKeyInUseTwice: the boot rule of wire.md §7.4. The process that came first stays, both ends are told, and nothing
// flaps.
func TestKeyInUseTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(8) {
			w := b.world(seed)
			x, y := w.pair()
			if seed%2 == 1 {
				x, y = y, x
			}
			if seed > 3 {
				w.net.SetDelay(20*time.Millisecond, 20*time.Millisecond)
			}
			thief := w.node("thief")
			thief.keys, thief.key = y.keys, y.key
			thief.trusts(x)
			thief.start()
			if seed%4 < 2 {
				x.dials(y)
			} else {
				y.dials(x)
			}
			time.Sleep(time.Second)
			one(x, y)
			link := x.link(y)
			thief.finds(x)
			time.Sleep(3 * time.Second)
			c := only[peers.Conflict](x)
			if c.Key != y.key || !c.By.IsZero() || c.Older != link.Addr() || c.Newer.Addr() != thief.addr.Addr() {
				t.Errorf("seed %d: x was told %+v", seed, c)
			}
			if c := only[peers.Conflict](thief); c.Key != y.key || c.By != x.key || c.Newer != x.addr {
				t.Errorf("seed %d: the second node was told %+v", seed, c)
			}
			// A bye drops what its session has not begun to write, which may be the hello: then the thief was never up.
			u, d := take[peers.Up](thief), take[peers.Down](thief)
			if len(u) > 1 || len(d) != len(u) || len(d) == 1 && (d[0].Reason != envelope.ReasonConflict || !d[0].ByPeer) {
				t.Errorf("seed %d: told %+v, %+v", seed, u, d)
			}
			if s := thief.state(x); s != peers.BackingOff {
				t.Errorf("seed %d: state of the second node: %q", seed, s)
			}
			if n := dialsIn(54*time.Second, x); n != 0 {
				t.Errorf("seed %d: dialled %d times within the minute", seed, n)
			}
			if n := dialsIn(10*time.Minute, x); n < 9 || n > 10 {
				t.Errorf("seed %d: dialled %d times in ten minutes, want once a minute", seed, n)
			}
			if x.link(y) != link {
				t.Errorf("seed %d: the session of the first node did not stay", seed)
			}
			works(x, y)
			for _, n := range []*testNode{x, y} {
				if u, d := take[peers.Up](n), take[peers.Down](n); len(u) != 0 || len(d) != 0 {
					t.Errorf("seed %d: %s was told %+v, %+v", seed, n.name, u, d)
				}
			}
			if c := take[peers.Conflict](y); len(c) != 0 {
				t.Errorf("seed %d: the first node was told %+v", seed, c)
			}
			w.end()
		}
	})
}

// TestPeerThatMovedAndDialsAgain: the same process comes from another address, and what it had before is silent here. The
// end that is not the arbiter cannot wait for a word of the arbiter, which is not told of anything any more.
func TestPeerThatMovedAndDialsAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for _, arbiter := range []bool{true, false} {
			w := b.world(1)
			x, y := w.pair()
			if !arbiter {
				x, y = y, x
			}
			y.dials(x)
			time.Sleep(time.Second)
			one(x, y)
			old := x.link(y)
			y.host.SetAddrs(netip.MustParseAddr("10.0.0.60"))
			y.dialsAgain(x)
			time.Sleep(6 * time.Second) // a missed pong, and something
			if l := x.link(y); l == nil || l == old {
				t.Fatalf("arbiter %v: calls still use what is silent", arbiter)
			}
			works(x, y)
			time.Sleep(time.Minute)
			stillOne(x, y)
			w.end()
		}
	})
}

// TestHelloThatComesLate: if the first frame of a session is not its hello, the boot rule applies when the hello comes.
func TestHelloThatComesLate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		x.dials(y)
		time.Sleep(time.Second)
		one(x, y)
		link := x.link(y)
		raw := w.raw(x, y.keys)
		w.net.SetDelay(10*time.Millisecond, 0) // the arbiter's ping takes longer than the hello
		raw.Write(raw.Frames(envelope.Msgpack.AppendPing(nil, []byte("first"))))
		time.Sleep(5 * time.Millisecond)
		raw.Write(raw.Frames(envelope.AppendHello(nil, envelope.Hello{Version: 1, Boot: [8]byte{1, 2, 3}, HasBoot: true})))
		time.Sleep(100 * time.Millisecond)
		if c := only[peers.Conflict](x); c.Key != y.key {
			t.Errorf("told %+v", c)
		}
		if x.link(y) != link {
			t.Error("the session of the first process did not stay")
		}
		raw.expectBye(envelope.ReasonConflict)
		w.end()
	})
}

// TestSameProcessDialsTwice: of two sessions of one initiator the arbiter keeps the newer, and no event tells of it.
func TestSameProcessDialsTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(20) {
			w := b.world(seed)
			x, y := w.pair()
			if seed%2 == 1 {
				x, y = y, x
			}
			w.net.SetDelay(time.Millisecond, time.Duration(seed)*10*time.Millisecond)
			x.dials(y)
			time.Sleep(time.Second)
			one(x, y)
			x.dialsAgain(y)
			time.Sleep(5 * time.Second)
			stillOne(x, y)
			w.end()
		}
	})
}

// TestBothDialThrice: also of several sessions one stays.
func TestBothDialThrice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for seed := range uint64(40) {
			w := b.world(seed)
			x, y := w.pair()
			x.dials(y)
			time.Sleep(time.Second)
			one(x, y)
			w.net.SetDelay(time.Millisecond, 20*time.Millisecond)
			for range 2 {
				go x.dialsAgain(y)
				go y.dialsAgain(x)
				time.Sleep(time.Duration(w.rand.IntN(30)) * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
			stillOne(x, y)
			w.end()
		}
	})
}

// TestReplacedBeforeItsSuccessorIsUp: the arbiter's duplicate overtakes what brings the newer session up at the other
// end. The peer is connected all the time.
func TestReplacedBeforeItsSuccessorIsUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		x, y := w.pair()
		x.dials(y)
		time.Sleep(time.Second)
		one(x, y)
		y.finds(x)
		w.net.SetTamper(func(from, _ netip.AddrPort, stream uint64, offset int64, _ []byte) {
			if from.Addr() == x.addr.Addr() && stream == 2 && offset >= 36+68 {
				time.Sleep(3 * time.Second) // the hello, and what follows
			}
		})
		x.dialsAgain(y)
		time.Sleep(time.Second / 2)
		if s := w.net.Stats(); s.Conns != 2 {
			t.Fatalf("%d ends of connections are open: the older session has not ended", s.Conns)
		}
		time.Sleep(20 * time.Second)
		w.net.SetTamper(nil)
		stillOne(x, y)
		w.end()
	})
}

// stillOne checks that there is one session between two nodes, which both use, and that neither has noticed that it was
// ever another.
func stillOne(x, y *testNode) {
	x.w.Helper()
	for _, n := range []*testNode{x, y} {
		if u, d := take[peers.Up](n), take[peers.Down](n); len(u) != 0 || len(d) != 0 {
			n.w.Errorf("seed %d: %s was told %+v, %+v", n.w.seed, n.name, u, d)
		}
	}
	if lx, ly := x.link(y), y.link(x); lx == nil || ly == nil || lx.Role() == ly.Role() {
		x.w.Errorf("seed %d: they do not use one session", x.w.seed)
		return
	}
	works(x, y)
	if s := x.w.net.Stats(); s.Conns != 2 {
		x.w.Errorf("seed %d: %d ends of connections are open", x.w.seed, s.Conns)
	}
}
