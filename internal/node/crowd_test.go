package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/peers"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// maxDials is the bound of wire.md §9 on the dials of a node at once.
const maxDials = 64

// A dialCount counts the dials of a node that are under way: TCP connects, and connections until they are closed.
type dialCount struct {
	mu        sync.Mutex // guards the rest
	now, most int
}

func (c *dialCount) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
}

func (c *dialCount) reset() (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most, c.most = c.most, c.now
	return most
}

// count has the dials to addresses outside 10.0.0.0/8 counted.
func (c *dialCount) count(config *Config) {
	dial := config.Peers.Dial
	config.Peers.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		if netip.MustParsePrefix("10.0.0.0/8").Contains(to.Addr()) {
			return dial(ctx, to)
		}
		c.add(1)
		conn, err := dial(ctx, to)
		if err != nil {
			c.add(-1)
			return nil, err
		}
		return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { c.add(-1) })}, nil
	}
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// A crowd is peers that do not answer, each at an address of its own: no host has it, or one that says nothing.
type crowd struct {
	w     *world
	host  *memnet.Host // accepts connections and sends nothing; nil: no host has the addresses
	keys  []identity.PublicKey
	addrs []netip.AddrPort
}

// crowd makes n peers that do not answer.
func (w *world) crowd(n int, silent bool) *crowd {
	w.Helper()
	c := &crowd{w: w}
	var ips []netip.Addr
	for i := range n {
		ip := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		ips = append(ips, ip)
		c.keys = append(c.keys, w.keys().PublicKey())
		c.addrs = append(c.addrs, netip.AddrPortFrom(ip, 7100))
	}
	if silent {
		c.host = w.net.Host(ips...)
		if _, err := c.host.Listen(w.Context(), "tcp", ":7100"); err != nil {
			w.Fatal(err)
		}
	}
	return c
}

// toldTo has a node trust the crowd, and say where it is: in the peers file, or by discovery.
func (c *crowd) toldTo(n *testNode, named bool) {
	c.w.Helper()
	for i, key := range c.keys {
		p := trust.Peer{Key: key}
		if named {
			p.Options = []trust.Option{{Name: trust.OptionAddr, Value: c.addrs[i].String()}}
		}
		if err := n.trust.Add(p); err != nil {
			c.w.Fatal(err)
		}
		if !named {
			n.manual.Found(key, c.addrs[i])
		}
	}
	synctest.Wait()
}

// inCrowd runs f on a node that dials a crowd, with other nodes that it trusts and does not know to be there.
func inCrowd(t *testing.T, size int, silent, named bool, f func(x *testNode, others []*testNode, c *crowd, dials *dialCount)) {
	t.Helper()
	inBubble(t, func(t *testing.T, b *bubble) {
		w := b.world(1)
		c, dials := w.crowd(size, silent), new(dialCount)
		x := w.node("x")
		x.adjust = dials.count
		var others []*testNode
		for range 3 {
			y := w.node("y")
			y.trusts(x)
			y.start()
			x.trusts(y)
			others = append(others, y)
		}
		x.start()
		c.toldTo(x, named)
		f(x, others, c, dials)
		if c.host != nil {
			c.host.Crash()
		}
		w.end()
	})
}

// TestCrowdOfDeadAddressesKeepsNoPeerWaiting: the dials are bounded, and those that had their time make room.
func TestCrowdOfDeadAddressesKeepsNoPeerWaiting(t *testing.T) {
	for _, test := range []struct {
		name          string
		size          int
		silent, named bool
		within        time.Duration // of a peer that comes last
	}{
		{"fewer than the bound", 60, false, false, 0},
		{"announced", 150, false, false, 1500 * time.Millisecond}, // 150/64 turns of 0.5 s
		{"in the peers file, that take connections", 150, true, true, 3 * time.Second},
		{"announced, many", 400, false, false, 3500 * time.Millisecond},
		{"in the peers file, many", 400, false, true, 7 * time.Second},
		{"that take connections, many", 400, true, false, 3500 * time.Millisecond},
		{"in the peers file, that take connections, many", 400, true, true, 7 * time.Second},
		{"announced, very many", 1000, false, false, 8 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.size > largestCrowd {
				t.Skip("with the race detector a crowd of that size takes too long")
			}
			inCrowd(t, test.size, test.silent, test.named, func(x *testNode, others []*testNode, c *crowd, dials *dialCount) {
				for i, after := range []time.Duration{0, 10 * time.Second, 3 * time.Minute} {
					time.Sleep(after)
					y, began := others[i], time.Now()
					x.finds(y)
					for synctest.Wait(); x.link(y) == nil && time.Since(began) < time.Minute; synctest.Wait() {
						time.Sleep(10 * time.Millisecond)
					}
					took := time.Since(began)
					if took > test.within+10*time.Millisecond {
						t.Errorf("%v later: the live peer waited %v", after, took)
					}
				}
				if most := dials.reset(); most > maxDials || test.size > maxDials && most < maxDials {
					t.Errorf("%d dials at once, want %d", most, maxDials)
				}
				for _, key := range c.keys { // each of the crowd has its turn as well
					if info, _ := x.directory.Info(key); info.Addresses[0].LastResult == "" {
						t.Fatalf("one of the crowd was never dialled: %s", info.Reason)
					}
				}
			})
		})
	}
}

// TestConnectDoesNotQueueBehindACrowd: nor does a peer that waits and connects by itself, which then waits no more.
func TestConnectDoesNotQueueBehindACrowd(t *testing.T) {
	inCrowd(t, 400, false, true, func(x *testNode, others []*testNode, c *crowd, dials *dialCount) {
		asked, inbound, waits := others[0], others[1], others[2]
		for _, y := range others {
			x.finds(y)
		}
		synctest.Wait()
		for _, y := range others {
			info, _ := x.directory.Info(y.key)
			if want := "waiting to dial: 64 dials are under way"; info.State != peers.BackingOff || info.Reason != want {
				t.Errorf("%s: %s, want %s", info.State, info.Reason, want)
			}
		}
		began := time.Now()
		x.dials(asked)
		inbound.dials(x)
		if x.link(asked) == nil || x.link(inbound) == nil || x.link(waits) != nil || time.Since(began) > 0 {
			t.Errorf("after %v: connected: %v, %v, and the one that waits: %v", time.Since(began), x.link(asked) != nil, x.link(inbound) != nil, x.link(waits) != nil)
		}
		dialled := x.dialled.Load()
		for i := range 100 { // a Connect to one of the crowd, whether it is being dialled or waits
			x.Connect(peers.Connect{Key: c.keys[4*i], Done: make(chan error, 1)})
		}
		synctest.Wait()
		if n := x.dialled.Load() - dialled; n < 100-64/4 {
			t.Errorf("100 Connects began %d dials at once", n)
		}
		time.Sleep(7 * time.Second)
		if x.link(waits) == nil {
			t.Error("the one that waits is not connected")
		}
		if dials := inbound.dialled.Load(); dials != 1 {
			t.Errorf("the peer that connected by itself has dialled %d times", dials)
		}
	})
}

// TestWaitForATurnEndsWithTrust: and with the node, which inCrowd looks after.
func TestWaitForATurnEndsWithTrust(t *testing.T) {
	inCrowd(t, 400, true, false, func(x *testNode, others []*testNode, c *crowd, dials *dialCount) {
		for _, key := range c.keys[:395] {
			if _, err := x.trust.Remove(key); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		dials.reset()
		if most := dials.reset(); most != 5 {
			t.Errorf("%d dials, want 5", most)
		}
		x.finds(others[0])
		synctest.Wait()
		if x.link(others[0]) == nil {
			t.Error("a peer waits although few are left")
		}
		c.toldTo(x, false)
	})
}

// TestForgedAddressesOfAPeerHaveTheirTurnsInACrowd: no place is free for a second address beside the first.
func TestForgedAddressesOfAPeerHaveTheirTurnsInACrowd(t *testing.T) {
	for _, silent := range []bool{false, true} {
		inCrowd(t, 420, silent, false, func(x *testNode, others []*testNode, c *crowd, dials *dialCount) {
			y := others[0]
			time.Sleep(3 * time.Minute)
			for _, addr := range c.addrs[400:] {
				x.manual.Found(y.key, addr)
			}
			x.finds(y)
			time.Sleep(20 * time.Second)
			synctest.Wait()
			if x.link(y) == nil {
				t.Errorf("not connected, silent %v", silent)
			}
		})
	}
}

// TestCrowdOfNamesKeepsNoPeerWaiting: names are looked up, to addresses where there is no host, or to nothing.
func TestCrowdOfNamesKeepsNoPeerWaiting(t *testing.T) {
	for _, test := range []struct {
		name   string
		lookUp func(context.Context) error // of a name of the crowd
		within time.Duration
	}{
		{"dead addresses", func(context.Context) error { return nil }, 7 * time.Second},
		{"no answer", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 7 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				w := b.world(1)
				c, dials := w.crowd(400, false), new(dialCount)
				x, y := w.node("x"), w.node("y")
				x.adjust = func(config *Config) {
					dials.count(config)
					config.Peers.LookUp = func(ctx context.Context, host string) ([]netip.Addr, error) {
						if host == "live" && ctx.Err() == nil {
							return []netip.Addr{y.addr.Addr()}, nil
						}
						i, err := strconv.Atoi(strings.TrimPrefix(host, "dead"))
						if err == nil {
							err = test.lookUp(ctx)
						}
						if err != nil {
							return nil, err
						}
						return []netip.Addr{c.addrs[i].Addr()}, nil
					}
				}
				y.trusts(x)
				y.start()
				x.start()
				named := func(key identity.PublicKey, name string) {
					if err := x.trust.Add(trust.Peer{Key: key, Options: []trust.Option{{Name: trust.OptionAddr, Value: name + ":7100"}}}); err != nil {
						t.Fatal(err)
					}
				}
				for i, key := range c.keys {
					named(key, fmt.Sprint("dead", i))
				}
				synctest.Wait()
				named(y.key, "live")
				began := time.Now()
				for synctest.Wait(); x.link(y) == nil && time.Since(began) < 5*time.Minute; synctest.Wait() {
					time.Sleep(10 * time.Millisecond)
				}
				if took := time.Since(began); took > test.within {
					t.Errorf("the live peer waited %v", took)
				}
				if most := dials.reset(); most > maxDials {
					t.Errorf("%d dials at once", most)
				}
				w.end()
			})
		})
	}
}
