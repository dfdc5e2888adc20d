package udp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/internal/test/memnet"
)

const ms = time.Millisecond

// nodes starts count nodes, each on a host of its own with an address of every prefix such as "10.0.0." or "fe80::", at
// random within spread.
func (w *world) nodes(count int, spread time.Duration, prefixes ...string) (list []*node) {
	random := rand.New(rand.NewPCG(uint64(count), 1))
	var mu sync.Mutex
	began := time.Now()
	var starts []time.Duration
	for range count {
		starts = append(starts, time.Duration(random.Float64()*float64(spread)))
	}
	slices.Sort(starts)
	for i, at := range starts {
		var addrs []netip.Addr
		for _, p := range prefixes {
			addrs = append(addrs, addr(fmt.Sprint(p, i+1)))
		}
		n := w.node(i+1, w.Host(addrs...))
		n.options.Jitter = func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return random.Float64()
		}
		time.Sleep(time.Until(began.Add(at)))
		list = append(list, n.start())
	}
	return list
}

// slowest returns how long after both were there the last of the nodes found another.
func slowest(t *testing.T, nodes []*node) (slow time.Duration) {
	t.Helper()
	for i, n := range nodes {
		for j, o := range nodes {
			if n == o {
				continue
			}
			at, found := n.foundAt(o.key)
			if !found {
				t.Fatalf("node %d has not found node %d", i+1, j+1)
			}
			slow = max(slow, at.Sub(nodes[max(i, j)].started))
		}
	}
	return slow
}

func TestNodesFindEachOtherWithinASecond(t *testing.T) {
	for _, prefix := range []string{"10.0.0.", "fe80::"} {
		for _, count := range []int{2, 3, 20} {
			for _, spread := range []time.Duration{0, 300 * ms, time.Minute} {
				t.Run(fmt.Sprintf("%d at %s within %v", count, prefix, spread), func(t *testing.T) {
					bubble(t, func(t *testing.T, w *world) {
						w.SetDelay(ms, 2*ms)
						nodes := w.nodes(count, spread, prefix)
						pass(2 * time.Second)
						slow := slowest(t, nodes)
						if bound := time.Second + 10*ms; slow > bound {
							t.Errorf("the slowest took %v, want at most %v", slow, bound)
						}
						t.Logf("the slowest took %v", slow)
					})
				})
			}
		}
	}
}

func TestALostAnnounceIsMadeUpForByTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.Host(addr("10.0.0.1")), w.Host(addr("10.0.0.2"))
		w.Cut(a, b)
		first, second := w.node(1, a).start(), w.node(2, b).start()
		pass(200 * ms)
		w.HealAll()
		pass(100 * ms)
		first.wantAt(second.key, "10.0.0.2:7002 on eth0")
		second.wantAt(first.key, "10.0.0.1:7001 on eth0")
	})
}

func TestWhatIsReportedIsWhatWasHeard(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"))).start()
		pass(ms)
		e.says("10.0.0.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
		e.says("10.0.0.1:4040", Announce{Port: 7101, Key: key(101)}.Append(nil)) // to this machine alone
		want := []discovery.Sighting{
			{Key: key(100), Addr: netip.MustParseAddrPort("10.0.0.9:7100"), Interface: "eth0", TTL: 15 * time.Second},
			{Key: key(101), Addr: netip.MustParseAddrPort("10.0.0.9:7101"), Interface: "eth0", TTL: 15 * time.Second},
		}
		if got := n.sightings(); !slices.Equal(got, want) {
			t.Errorf("reported %v, want %v", got, want)
		}
	})
}

func TestJunkOwnAndForeignAnnouncesAreNotReported(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		router := w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"))).start()
		pass(ms)
		good := Announce{Port: 7100, Key: key(100)}.Append(nil)
		for cut := range good {
			e.says("10.0.0.255:4040", good[:cut])
		}
		e.says("10.0.0.255:4040", append(good, 0))
		e.says("10.0.0.255:4040", make([]byte, 60_000))
		e.says("10.0.0.255:4040", Announce{Port: 0, Key: key(100)}.Append(nil))
		e.says("10.0.0.255:4040", Announce{Port: 7100}.Append(nil))
		e.says("10.0.0.255:4040", Announce{Port: 7100, Key: n.key}.Append(nil)) // as if it were ours
		router.says("10.0.0.1:4040", good)
		if got := n.sightings(); len(got) > 0 {
			t.Errorf("reported %v", got)
		}
		got := n.provider.Stats()
		want := Stats{Sent: 1, Junk: AnnounceSize + 4, Own: 2, OffLink: 1}
		if got.Sent != want.Sent || got.Junk != want.Junk || got.Own != want.Own || got.OffLink != want.OffLink || got.Heard != 0 {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func TestWhoOnlyListensSaysNothing(t *testing.T) {
	for name, silence := range map[string]func(*discovery.Self){
		"listen only":     func(s *discovery.Self) { s.ListenOnly = true },
		"listens nowhere": func(s *discovery.Self) { s.Listens = nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				n := w.node(1, w.Host(addr("10.0.0.1"), addr("fe80::1")))
				silence(&n.self)
				n.start()
				o := w.node(2, w.Host(addr("10.0.0.2"), addr("fe80::2"))).start()
				pass(time.Minute)
				n.wantAt(o.key, "10.0.0.2:7002 on eth0", "[fe80::2%eth1]:7002 on eth1")
				o.wantAt(n.key)
				if s := n.provider.Stats(); s.Sent+s.SendErrors > 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestSeveralNodesOnOneMachineFindEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		h := w.Host(addr("10.0.0.1"), addr("fe80::1"))
		a, b := w.node(1, h).start(), w.node(2, h).start()
		pass(200 * ms)
		a.wantAt(b.key, "10.0.0.1:7002 on eth0", "[fe80::1%eth1]:7002 on eth1")
		b.wantAt(a.key, "10.0.0.1:7001 on eth0", "[fe80::1%eth1]:7001 on eth1")
	})
}

func TestNodesOfAMachineWithoutNetworkFindEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		h := w.Host()
		a, b := w.node(1, h).start(), w.node(2, h).start()
		pass(200 * ms)
		a.wantAt(b.key, "127.0.0.1:7002 on lo")
		b.wantAt(a.key, "127.0.0.1:7001 on lo")
	})
}

func TestFixedAddressesAreAnnouncedToAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		h := w.Host(addr("10.0.0.1"), addr("fe80::1"))
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		a, b := w.node(1, h), w.node(2, h)
		for _, n := range []*node{a, b} {
			n.options.Broadcast = []netip.Addr{addr("127.255.255.255")}
			n.start()
		}
		pass(10 * time.Second)
		e.says("10.0.0.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
		a.wantAt(b.key, "127.0.0.1:7002 on lo")
		b.wantAt(a.key, "127.0.0.1:7001 on lo")
		a.wantAt(key(100))
		e.wantOf(a.key)
	})
}

func TestOnlyTheInterfacesNamedAreUsed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.ear(w.Host(addr("10.0.0.9")), "udp4"), w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1")))
		n.options.Interfaces = []string{"eth1", "wlan0"}
		n.start()
		pass(ms)
		near.wantOf(n.key)
		far.wantOf(n.key, 0)
		near.says("10.0.0.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
		far.says("10.0.1.255:4040", Announce{Port: 7100, Key: key(101)}.Append(nil))
		n.wantAt(key(101), "10.0.1.9:7100 on eth1")
		if s := n.provider.Stats(); s.OffLink != 1 || !slices.Equal(s.Interfaces, []string{"eth1"}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestALinkIsAnsweredByItself(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		near, far := w.ear(w.Host(addr("10.0.0.9")), "udp4"), w.ear(w.Host(addr("10.0.1.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"), addr("10.0.1.1"))).start()
		pass(2 * time.Second)
		near.of(n.key)
		far.of(n.key)
		near.says("10.0.0.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
		pass(time.Second)
		near.wantOf(n.key, 2*time.Second)
		far.wantOf(n.key)
		far.says("10.0.1.255:4040", Announce{Port: 7100, Key: key(100)}.Append(nil))
		pass(time.Second)
		far.wantOf(n.key, 3*time.Second)
	})
}

func TestAFloodOfForgedKeysDrawsOneAnnounceASecondAndHidesNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		e := w.ear(w.Host(addr("10.0.0.9")), "udp4")
		n := w.node(1, w.Host(addr("10.0.0.1"))).start()
		pass(2 * time.Second)
		e.of(n.key)
		forged := 1000
		flood := func(d time.Duration) {
			for range d / (10 * ms) {
				for range 50 {
					forged++
					e.says("10.0.0.255:4040", Announce{Port: uint16(forged), Key: key(forged)}.Append(nil))
				}
				pass(10 * ms)
			}
		}
		flood(3 * time.Second)
		o := w.node(2, w.Host(addr("10.0.0.2"))).start()
		flood(2 * time.Second)
		if got := len(e.of(n.key)); got < 5 || got > 8 {
			t.Errorf("announced %d times in 5 s", got)
		}
		n.wantAt(o.key, "10.0.0.2:7002 on eth0")
		o.wantAt(n.key, "10.0.0.1:7001 on eth0")
		if slow := slowest(t, []*node{n, o}); slow > time.Second {
			t.Errorf("found after %v", slow)
		}
	})
}

func TestRunEndsAtOnceWithItsContext(t *testing.T) {
	for _, when := range []time.Duration{0, 100 * ms, time.Minute} {
		bubble(t, func(t *testing.T, w *world) {
			n := w.node(1, w.Host(addr("10.0.0.1"), addr("fe80::1"))).start()
			w.node(2, w.Host(addr("10.0.0.2"), addr("fe80::2"))).start()
			time.Sleep(when)
			n.stop()
			began := time.Now()
			if err := <-n.end; err != nil || time.Since(began) > 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			pass(time.Minute)
		})
	}
	bubble(t, func(t *testing.T, w *world) { // before it begins
		n := w.node(1, w.Host(addr("10.0.0.1")))
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := New(n.options).Run(ctx, n.self, n.sight); err != nil {
			t.Error(err)
		}
	})
	bubble(t, func(t *testing.T, w *world) { // while a socket cannot be read
		n := w.node(1, w.Host(addr("10.0.0.1")))
		n.self.ListenPacket = func(ctx context.Context, network, address string) (net.PacketConn, error) {
			conn, err := n.host.ListenPacket(ctx, network, address)
			return &deaf{conn.(*memnet.PacketConn), 1}, err
		}
		n.start()
		pass(ms) // less than it pauses
		n.stop()
		if err := <-n.end; err != nil {
			t.Error(err)
		}
	})
}

func TestAnEndedChannelOfChangesIsNoChange(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := w.node(1, w.Host(addr("10.0.0.1"))).start()
		pass(10 * time.Second)
		close(n.changed)
		pass(2 * time.Second)
		if s := n.provider.Stats(); s.Sent > 8 {
			t.Errorf("%+v", s)
		}
	})
}

func TestOneProviderServesSeveralNodes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := New(Options{})
		a, b := w.node(1, w.Host(addr("10.0.0.1"))), w.node(2, w.Host(addr("10.0.0.2")))
		var running sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for _, n := range []*node{a, b} {
			running.Go(func() {
				if err := p.Run(ctx, n.self, n.sight); err != nil {
					t.Error(err)
				}
			})
		}
		pass(time.Second)
		a.wantAt(b.key, "10.0.0.2:7002 on eth0")
		b.wantAt(a.key, "10.0.0.1:7001 on eth0")
		stop()
		running.Wait()
	})
}

func TestItsNameIsUDP(t *testing.T) {
	if name := discovery.Provider(New(Options{})).Name(); name != "udp" {
		t.Error(name)
	}
}
