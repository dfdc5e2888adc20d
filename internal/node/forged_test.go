package node

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

// A forgery is a flood of announces of two nodes at addresses where they are not.
type forgery struct {
	w       *world
	conns   []net.PacketConn
	ports   int // at each address
	n       int
	closers []io.Closer
	join    sync.WaitGroup
}

// forges begins a forgery. Its addresses take no connections, or, if it is silent, take them and say nothing.
func (w *world) forges(addresses, ports int, silent bool) *forgery {
	w.Helper()
	f := &forgery{w: w, ports: ports}
	for i := range addresses {
		at := forgedAddr(i)
		h := w.net.Host(at)
		c, err := h.ListenPacket(w.Context(), "udp4", netip.AddrPortFrom(at, udp.DefaultPort).String())
		if err != nil {
			w.Fatal(err)
		}
		f.conns, f.closers = append(f.conns, c), append(f.closers, c)
		for p := range ports {
			if silent {
				f.takes(h, netip.AddrPortFrom(at, f.port(p)))
			}
		}
	}
	return f
}

func (f *forgery) port(n int) uint16 { return uint16(8000 + n%f.ports) }

// takes takes connections at an address and says nothing.
func (f *forgery) takes(h *memnet.Host, at netip.AddrPort) {
	l, err := h.Listen(context.Background(), "tcp", at.String())
	if err != nil {
		f.w.Fatal(err)
	}
	f.closers = append(f.closers, l)
	f.join.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.join.Go(func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			})
		}
	})
}

// goes on for that long, or until done says so, with a hundred announces of each key in a second, and returns how long that was.
func (f *forgery) goes(long time.Duration, done func() bool, keys ...identity.PublicKey) time.Duration {
	began := time.Now()
	for time.Since(began) < long && !done() {
		at, port := f.n%len(f.conns), f.port(f.n/len(f.conns))
		for _, key := range keys {
			_, _ = f.conns[at].WriteTo(udp.Announce{Port: port, Key: key}.Append(nil), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 255), Port: udp.DefaultPort})
		}
		f.n++
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func (f *forgery) ends() {
	for _, c := range f.closers {
		_ = c.Close()
	}
	f.join.Wait()
}

// A dialLog is what was dialled when.
type dialLog struct {
	mu sync.Mutex // guards the rest
	at map[netip.AddrPort][]time.Time
}

// most returns how many dials there were within any such time at most, to addresses that are such.
func (d *dialLog) most(within time.Duration, such func(netip.AddrPort) bool) (most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []time.Time
	for at, times := range d.at {
		if such(at) {
			all = append(all, times...)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	first := 0
	for i, at := range all {
		for at.Sub(all[first]) >= within {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// announced makes a node that is found by announces, and is not started.
func (w *world) announced(name string) (*testNode, *dialLog) {
	n, d := w.node(name), &dialLog{at: make(map[netip.AddrPort][]time.Time)}
	n.adjust = func(c *Config) {
		c.Finder.Providers = []discovery.Provider{udp.New(udp.Options{})}
		c.Finder.Self = discovery.Self{Key: n.key, Listens: n.listens, ListenPacket: n.host.ListenPacket,
			Interfaces: func() (list []discovery.Interface, err error) {
				all, err := n.host.Interfaces()
				for _, i := range all {
					list = append(list, discovery.Interface(i))
				}
				return list, err
			}}
		dial := c.Peers.Dial
		c.Peers.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			d.mu.Lock()
			d.at[to] = append(d.at[to], time.Now())
			d.mu.Unlock()
			return dial(ctx, to)
		}
	}
	return n, d
}

// TestForgedAnnouncesKeepNobodyApart has two nodes find each other although they are announced at many addresses where
// they are not, and again when one has restarted on another port.
func TestForgedAnnouncesKeepNobodyApart(t *testing.T) {
	const (
		again      = 2 * time.Second
		dialPeriod = 10 * time.Second
		dialsMost  = 8 + 20 // within it, of one node to one key; docs/wire.md §8.1
		dialsHost  = 4      // at one IP address
	)
	for _, test := range []struct {
		name             string
		addresses, ports int
		silent           bool
		late             string // what the flood is before: "start" of the second, "trust" of both in each other
		within           time.Duration
	}{
		{"8 addresses", 8, 3, false, "start", 15 * time.Second},
		{"16 addresses", 16, 1, false, "trust", 15 * time.Second},
		{"16 silent addresses", 16, 3, true, "trust", 15 * time.Second},
		{"100 addresses", 100, 1, false, "trust", time.Minute},
		{"100 addresses, one starts later", 100, 3, false, "start", time.Minute},
		{"100 silent addresses", 100, 1, true, "trust", time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(floodedHistories) {
				inBubble(t, func(t *testing.T, b *bubble) {
					w := b.world(seed)
					x, fromX := w.announced("x")
					y, fromY := w.announced("y")
					f := w.forges(test.addresses, test.ports, test.silent)
					up := func() bool { return x.directory.Link(y.key) != nil && y.directory.Link(x.key) != nil }
					trust := func() {
						x.trusts(y)
						y.trusts(x)
					}
					if test.late == "start" {
						trust()
					}
					x.start()
					f.goes(20*time.Second, never, x.key, y.key)
					y.start()
					if test.late == "trust" {
						f.goes(20*time.Second, never, x.key, y.key)
						trust()
					}
					took := f.goes(2*test.within, up, x.key, y.key)
					f.goes(20*time.Second, never, x.key, y.key)
					y.stop(0)
					y.addr = netip.AddrPortFrom(y.addr.Addr(), y.addr.Port()+1)
					y.start()
					tookAgain := f.goes(2*test.within, up, x.key, y.key)
					t.Logf("seed %d: connected after %v, after a restart %v", seed, took, tookAgain)
					if took > test.within || tookAgain > again {
						t.Errorf("seed %d: connected after %v, after a restart %v; want %v, %v at most", seed, took, tookAgain, test.within, again)
					}
					for _, from := range []*dialLog{fromX, fromY} {
						if most := from.most(dialPeriod, isForged); most > dialsMost {
							t.Errorf("seed %d: %d dials within %v, want %d at most", seed, most, dialPeriod, dialsMost)
						}
						for i := range test.addresses {
							at := forgedAddr(i)
							if most := from.most(dialPeriod, func(a netip.AddrPort) bool { return a.Addr() == at }); most > dialsHost {
								t.Errorf("seed %d: %d dials to %v within %v, want %d at most", seed, most, at, dialPeriod, dialsHost)
							}
						}
					}
					f.ends()
					w.end()
				})
			}
		})
	}
}

func never() bool { return false }

// forgedAddr returns the n-th address of a forgery.
func forgedAddr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(50 + n)}) }

func isForged(a netip.AddrPort) bool { return !a.Addr().Less(forgedAddr(0)) }
