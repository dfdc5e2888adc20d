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
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
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
	return discovery.Self{Key: key(n), Listens: listens(netip.IPv6Unspecified(), uint16(7000+n)), ListenPacket: listenShared,
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
			s := discovery.Sighting{Key: key(other), Addr: netip.AddrPortFrom(addr("127.0.0.1"), uint16(7000+other)), Interface: "lo", TTL: announceTTL}
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
			p := New(Options{Port: port})
			s, err := p.listen(t.Context(), self, "udp4")
			if err != nil {
				t.Fatal(err)
			}
			wantNil(t, s.SetDeadline(time.Now().Add(patience)))
			r := newRun(p, self, func(discovery.Sighting) { t.Error("reported") }, s)
			heard, received := make(chan struct{}), make(chan error, 1)
			go func() {
				received <- s.Receive(func(b []byte, o lan.Origin) {
					r.hear(b, o)
					heard <- struct{}{}
				}, func(err error) { t.Error(err) })
			}()
			to, err := net.Dial("udp4", netip.AddrPortFrom(addr("127.0.0.1"), port).String())
			wantNil(t, err)
			defer to.Close()
			allocs := testing.AllocsPerRun(100, func() {
				if _, err := to.Write(junk); err != nil {
					t.Fatal(err)
				}
				<-heard
			})
			wantNil(t, s.Close())
			wantNil(t, <-received)
			if allocs > 0 {
				t.Errorf("%v allocations for each", allocs)
			}
			if s := r.counters.Get(); s.Junk+s.Own != 101 {
				t.Errorf("%d datagrams were counted", s.Junk+s.Own)
			}
		})
	}
}
