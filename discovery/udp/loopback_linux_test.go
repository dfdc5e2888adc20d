package udp

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// patience bounds what a test waits for on real sockets; nothing takes so long.
const patience = time.Minute

// listenShared opens a socket as discovery.Self has it.
func listenShared(ctx context.Context, network, address string) (net.PacketConn, error) {
	share := func(_, _ string, c syscall.RawConn) error {
		var failure error
		err := c.Control(func(fd uintptr) {
			failure = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
		})
		if err != nil {
			return err
		}
		return failure
	}
	return (&net.ListenConfig{Control: share}).ListenPacket(ctx, network, address)
}

// onLoopback is what a node on this machine's loopback is given. No other interface is ever used.
func onLoopback(n int) discovery.Self {
	lo := discovery.Interface{Index: 1, Name: "lo", Flags: loop, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}}
	return discovery.Self{Key: key(n), Port: uint16(7000 + n), ListenPacket: listenShared,
		Interfaces: func() ([]discovery.Interface, error) { return []discovery.Interface{lo}, nil }}
}

func freePort(tb testing.TB) uint16 {
	tb.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

func TestNodesFindEachOtherOnTheRealLoopback(t *testing.T) {
	o := Options{Port: freePort(t), Broadcast: []netip.Addr{addr("127.255.255.255")}}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	const nodes = 3
	found := make(chan discovery.Sighting)
	ends := make(chan error, nodes)
	for n := range nodes {
		go func() {
			ends <- New(o).Run(ctx, onLoopback(n), func(s discovery.Sighting) {
				s.Key[16] = byte(n) // who has seen it
				select {
				case found <- s:
				case <-ctx.Done():
				}
			})
		}()
	}
	var want, got []discovery.Sighting
	for n := range nodes {
		for other := range nodes {
			s := discovery.Sighting{Key: key(other), Addr: netip.AddrPortFrom(addr("127.0.0.1"), uint16(7000+other)), Interface: "lo", TTL: holds}
			s.Key[16] = byte(n)
			if n != other {
				want = append(want, s)
			}
		}
	}
	for len(got) < len(want) {
		select {
		case s := <-found:
			if !slices.Contains(got, s) {
				got = append(got, s)
			}
		case <-ctx.Done():
			t.Fatalf("found %v, want %v", got, want)
		}
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%v is not among %v", s, got)
		}
	}
	stop()
	for range nodes {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

func TestTheSystemSaysWhichInterfaceHeard(t *testing.T) {
	for _, c := range []struct {
		ipv6 bool
		to   string
	}{{false, "127.255.255.255"}, {false, "127.0.0.1"}, {true, "::1"}} {
		port := freePort(t)
		s, err := listen(t.Context(), onLoopback(1), c.ipv6, port)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		wantNil(t, s.SetDeadline(time.Now().Add(patience)))
		wantNil(t, s.send([]byte("x"), target{to: addr(c.to), from: addr("127.0.0.1")}, port, &link{index: 1, name: "lo"}))
		n, control, src, err := s.read(room())
		if err != nil {
			t.Fatal(err)
		}
		if index := s.interfaceOf(control); n != 1 || index != 1 || !src.Addr().Unmap().IsLoopback() {
			t.Errorf("to %s: %d bytes from %v on interface %d", c.to, n, src, index)
		}
	}
}

func TestTheGroupCanBeJoinedAndLeft(t *testing.T) {
	s, err := listen(t.Context(), onLoopback(1), true, freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		wantNil(t, s.join(1))
	}
	s.leave(1)
	if err := s.join(1 << 20); err == nil {
		t.Error("joined on an interface that does not exist")
	}
}

// TestJunkIsDroppedBeforeAnythingIsAllocated reads it from a real socket, as a run does.
func TestJunkIsDroppedBeforeAnythingIsAllocated(t *testing.T) {
	for name, junk := range map[string][]byte{
		"empty":         {},
		"long":          make([]byte, 1400),
		"magic":         make([]byte, AnnounceSize),
		"version":       append([]byte("PNET\x02"), make([]byte, 34)...),
		"port 0":        Announce{Key: key(2)}.Append(nil),
		"low order key": Announce{Port: 1}.Append(nil),
		"own":           Announce{Port: 1, Key: key(1)}.Append(nil),
	} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			self := onLoopback(1)
			s, err := listen(t.Context(), self, false, port)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			wantNil(t, s.SetDeadline(time.Now().Add(patience)))
			r := newRun(&Options{Port: port}, new(counters), self, func(discovery.Sighting) { t.Error("reported") }, s)
			to, b := netip.AddrPortFrom(addr("127.0.0.1"), port), room()
			allocs := testing.AllocsPerRun(100, func() {
				if _, err := s.udp.WriteToUDPAddrPort(junk, to); err != nil {
					t.Fatal(err)
				}
				n, control, src, err := s.read(b)
				if err != nil {
					t.Fatal(err)
				}
				r.hear(s, b[:n], control, src.Addr().Unmap())
			})
			if allocs > 0 {
				t.Errorf("%v allocations for each", allocs)
			}
			if n := r.count.junk.Load() + r.count.own.Load(); n != 101 {
				t.Errorf("%d datagrams were counted", n)
			}
		})
	}
}
