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

// dies takes a node away without a word to anybody, and moves it to another address.
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
			err := <-result
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
			if c.Key != y.key || c.ByPeer || c.Older != link.Addr() || c.Newer.Addr() != thief.addr.Addr() {
				t.Errorf("seed %d: x was told %+v", seed, c)
			}
			if c := only[peers.Conflict](thief); c.Key != y.key || !c.ByPeer || c.Newer != x.addr {
				t.Errorf("seed %d: the second node was told %+v", seed, c)
			}
			only[peers.Up](thief)
			if d := only[peers.Down](thief); d.Reason != envelope.ReasonConflict || !d.ByPeer {
				t.Errorf("seed %d: told %+v", seed, d)
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

// TestSameProcessDialsTwice: of two sessions of one initiator the arbiter keeps the newer, and nobody notices.
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
			for _, n := range []*testNode{x, y} {
				if u, d := take[peers.Up](n), take[peers.Down](n); len(u) != 0 || len(d) != 0 {
					t.Errorf("seed %d: %s was told %+v, %+v", seed, n.name, u, d)
				}
			}
			works(x, y)
			if s := w.net.Stats(); s.Conns != 2 {
				t.Errorf("seed %d: %d ends of connections are open", seed, s.Conns)
			}
			w.end()
		}
	})
}
