package node

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
)

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
