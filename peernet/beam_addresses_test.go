package peernet_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/kit"
	"github.com/seed-f6ddb928/peernet-go/peernet"
)

// manyAddrs are those of a machine with several networks.
func manyAddrs(count int) (ips []netip.Addr, addrs []netip.AddrPort) {
	for i := range count {
		ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(20 + i)})
		ips, addrs = append(ips, ip), append(addrs, netip.AddrPortFrom(ip, 4041))
	}
	return ips, addrs
}

// checkEnds fails if more than two connections ended within ten seconds.
func (w *beamWorld) checkEnds(ends []time.Time) {
	w.Helper()
	slices.SortFunc(ends, time.Time.Compare)
	for i := 2; i < len(ends); i++ {
		if took := ends[i].Sub(ends[i-2]); took < 10*time.Second {
			w.Errorf("three connections ended within %v", took)
			return
		}
	}
}

// TestABEAMNodeAtSeveralAddressesIsDialledAtOne: it closes one native connection, wherever alice dials next, and is then
// dialled in BEAM.
func TestABEAMNodeAtSeveralAddressesIsDialledAtOne(t *testing.T) {
	for _, connects := range []bool{false, true} {
		t.Run(fmt.Sprint("connects ", connects), func(t *testing.T) {
			inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
				w.bob.Stop()
				ips, addrs := manyAddrs(6)
				host := w.network.Host(ips...)
				bob := kit.NewBEAMNode(w, farKeys)
				for _, addr := range addrs {
					l, err := host.Listen(w.Context(), "tcp", addr.String())
					if err != nil {
						w.Fatal(err)
					}
					defer l.Close()
					bob.Listen(l)
				}
				w.bob = bob
				for _, addr := range addrs {
					w.found.Found(bobKey, addr)
				}
				synctest.Wait()
				if connects {
					ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
					if err := w.alice.Connect(ctx, bobKey); err != nil {
						w.Error(err)
					}
					cancel()
				}
				time.Sleep(20 * time.Second)
				if i := w.state(); i.State != peernet.StateConnected || i.Dialect != peernet.DialectBEAM {
					w.Errorf("alice says %+v", i)
				}
				if n, ends := bob.Began(), len(bob.Ends()); n != 2 || ends != 1 {
					w.Errorf("bob saw %d connections, %d ended; want a native one that ended, and one in BEAM", n, ends)
				}
				for _, addr := range addrs {
					w.found.Lost(bobKey, addr)
				}
			})
		})
	}
}

// closings listens at addrs and closes what comes there as a BEAM node does that has crashed, after a while, and returns when.
// stop ends it.
func (w *beamWorld) closings(ips []netip.Addr, addrs []netip.AddrPort, after time.Duration) (stop func() []time.Time) {
	w.Helper()
	var mu sync.Mutex // guards ends
	var ends []time.Time
	var join sync.WaitGroup
	var closers []func() error
	host := w.network.Host(ips...)
	for _, addr := range addrs {
		l, err := host.Listen(w.Context(), "tcp", addr.String())
		if err != nil {
			w.Fatal(err)
		}
		closers = append(closers, l.Close)
		join.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				join.Go(func() {
					_, _ = conn.Read(make([]byte, 64))
					_ = conn.SetReadDeadline(time.Now().Add(after))
					_, _ = conn.Read(make([]byte, 64)) // alice may close it before
					_ = conn.Close()
					mu.Lock()
					ends = append(ends, time.Now())
					mu.Unlock()
				})
			}
		})
	}
	return func() []time.Time {
		for _, c := range closers {
			_ = c()
		}
		join.Wait()
		return ends
	}
}

// TestWhatMayBeABEAMNodeSeesTwoConnectionsEndInTenSeconds: it closes each connection before it has proved its key, at six
// addresses, at once or after some seconds. Alice is told to connect again and again, or not at all.
func TestWhatMayBeABEAMNodeSeesTwoConnectionsEndInTenSeconds(t *testing.T) {
	for _, c := range []struct {
		connects bool
		after    time.Duration
	}{{false, 0}, {true, 0}, {false, 3 * time.Second}, {true, 3 * time.Second}} {
		t.Run(fmt.Sprint("connects ", c.connects, " after ", c.after), func(t *testing.T) {
			inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
				w.bob.Stop()
				ips, addrs := manyAddrs(6)
				stop := w.closings(ips, addrs, c.after)
				end := time.Now().Add(3 * time.Minute)
				for time.Now().Before(end) {
					for _, addr := range addrs {
						w.found.Found(bobKey, addr)
					}
					if c.connects {
						ctx, cancel := context.WithTimeout(w.Context(), 3*time.Second)
						_ = w.alice.Connect(ctx, bobKey)
						cancel()
					}
					time.Sleep(time.Second)
				}
				ends := stop()
				w.checkEnds(ends)
				if len(ends) < 20 {
					w.Errorf("%d connections in three minutes: alice has given up", len(ends))
				}
			})
		})
	}
}

// TestForgedAddressesHoldANativePeerUpForABoundedTime: each costs 11 seconds and two handshakes at most, which are short
// here. A Connect that names the true address waits for one of them at most.
func TestForgedAddressesHoldANativePeerUpForABoundedTime(t *testing.T) {
	const forged = 5
	for _, c := range []struct {
		name     string
		connects bool
		within   time.Duration
	}{
		{"heard alone", false, forged * 12 * time.Second},
		{"named", true, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
				w.bob.Stop()
				ips, addrs := manyAddrs(forged)
				stop := w.closings(ips, addrs, 0)
				defer stop()
				for _, addr := range addrs {
					w.found.Found(bobKey, addr)
				}
				time.Sleep(3 * time.Second) // one of them has closed two connections
				n := w.native()
				defer n.Shutdown(w.Context())
				start := time.Now()
				w.found.Found(bobKey, farAddr)
				if c.connects {
					ctx, cancel := context.WithTimeout(w.Context(), c.within)
					defer cancel()
					if err := w.alice.Connect(ctx, bobKey, farAddr.String()); err != nil {
						w.Error(err)
					}
				}
				for time.Since(start) < c.within && w.state().State != peernet.StateConnected {
					for i, addr := range addrs { // he goes on, at new ports each time
						w.found.Found(bobKey, netip.AddrPortFrom(addr.Addr(), uint16(5000+time.Since(start)/time.Second)+uint16(i)))
						w.found.Found(bobKey, addr)
					}
					time.Sleep(time.Second)
				}
				synctest.Wait()
				if i := w.state(); i.State != peernet.StateConnected || i.Dialect != peernet.DialectNative {
					w.Errorf("after %v alice says %+v", time.Since(start), i)
				}
				t.Log("connected after", time.Since(start))
			})
		})
	}
}

// TestASessionThatThisNodeClosesCounts: bob has closed two connections within seconds as alice unpairs him or stops. Nothing passes
// any more at once, and the connection itself ends ten seconds after the first of them.
func TestASessionThatThisNodeClosesCounts(t *testing.T) {
	for _, unpairs := range []bool{true, false} {
		t.Run(fmt.Sprint("unpairs ", unpairs), func(t *testing.T) {
			inBEAMWorld(t, peernet.Config{}, func(w *beamWorld) {
				for range 2 {
					w.dialled()
					w.bob.CloseAll()
					synctest.Wait()
				}
				w.dialled()
				w.talks()
				start := time.Now()
				if unpairs {
					if err := w.alice.Unpair(bobKey); err != nil {
						w.Fatal(err)
					}
					synctest.Wait()
					ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
					if _, err := w.bob.Call(ctx, w.alice.PublicKey(), "echo", "x"); !errors.Is(err, context.DeadlineExceeded) {
						w.Errorf("bob calls who has unpaired him: %v", err)
					}
					cancel()
				} else {
					w.stop()
				}
				time.Sleep(20 * time.Second)
				ends := w.bob.Ends()
				w.checkEnds(ends)
				if len(ends) != 3 || ends[2].Sub(start) > 10*time.Second {
					w.Errorf("bob saw connections end at %v; alice closed hers at %v", ends, start)
				}
				if !unpairs {
					w.start()
				}
			})
		})
	}
}
