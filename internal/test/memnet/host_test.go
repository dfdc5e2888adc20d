package memnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestCrashIsSilentToOthersAndClosesItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		l := listen(t, b, "tcp", ":7100")
		p := socket(t, b, "udp", ":4040")
		x := dialTo(t, a, "10.0.0.2:7100")
		y := accept(t, l)
		n.SetDelay(time.Second, 0)
		write(t, y, "sent before the crash, on its way")

		errs := make(chan error, 3)
		go func() { _, err := y.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := l.Accept(); errs <- err }()
		go func() { _, _, err := p.ReadFrom(make([]byte, 1)); errs <- err }()
		synctest.Wait()
		b.Crash()
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("a waiting call returned %v, want net.ErrClosed", err)
			}
		}
		if s := n.Stats(); s.Conns != 1 || s.Listeners != 0 || s.PacketConns != 0 {
			t.Errorf("after the crash: %+v, want one end", s)
		}
		for name, open := range map[string]func() error{
			"Listen":       func() error { _, err := b.Listen(t.Context(), "tcp", ":0"); return err },
			"Dial":         func() error { _, err := b.Dial(t.Context(), "tcp", "10.0.0.1:1"); return err },
			"ListenPacket": func() error { _, err := b.ListenPacket(t.Context(), "udp", ":0"); return err },
			"Interfaces":   func() error { _, err := b.Interfaces(); return err },
		} {
			if err := open(); !errors.Is(err, syscall.ENETDOWN) {
				t.Errorf("%s: %v, want ENETDOWN", name, err)
			}
		}
		for _, c := range []io.Closer{y, l, p} {
			wantNil(t, c.Close())
		}

		wantSilence(t, x)
		write(t, x, "nobody hears this")
		wantSilence(t, x)
		if _, err := a.Dial(within(t, time.Hour), "tcp", "10.0.0.2:7100"); !isTimeout(err) {
			t.Errorf("Dial: %v, want a timeout", err)
		}
	})
}

func TestARestartedHostResetsOldConnections(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		waiting, _ := connect(t, a, b)
		idle, _ := connect(t, a, b)
		b.Crash()
		write(t, waiting, "x")
		wantSilence(t, waiting)
		b.Restart()
		wantReadError(t, waiting, syscall.ECONNRESET)
		wantSilence(t, idle)
		write(t, idle, "x")
		wantReadError(t, idle, syscall.ECONNRESET)

		x, y := connect(t, a, b)
		write(t, x, "a new life")
		wantRead(t, y, "a new life")
	})
}

func TestADialInFlightFailsWhenItsHostCrashes(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		n.Cut(a, b)
		done := make(chan error)
		go func() { _, err := a.Dial(t.Context(), "tcp", "10.0.0.2:1"); done <- err }()
		synctest.Wait()
		a.Crash()
		a.Restart()
		if err := <-done; !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("Dial: %v, want ENETDOWN", err)
		}
	})
}

func TestCrashOfBothEndsLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		connect(t, a, b)
		connect(t, a, a)
		a.Crash()
		b.Crash()
		if s := n.Stats(); s.Conns != 0 {
			t.Errorf("%d ends are open", s.Conns)
		}
	})
}

func TestAnAddressThatIsGoneGoesSilent(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		l := listen(t, a, "tcp", ":7100")
		p := socket(t, a, "udp4", "10.0.0.1:0")
		x, y := connect(t, a, b)
		a.SetAddrs(addr("10.0.1.1"))
		write(t, x, "x")
		write(t, y, "y")
		wantSilence(t, x)
		wantSilence(t, y)
		if _, err := b.Dial(within(t, time.Hour), "tcp", "10.0.0.1:7100"); !isTimeout(err) {
			t.Errorf("Dial to the old address: %v, want a timeout", err)
		}

		// The listener on all addresses serves the new one, from which new dials go out.
		z := dialTo(t, b, "10.0.1.1:7100")
		write(t, z, "z")
		wantRead(t, accept(t, l), "z")
		_, acceptor := connect(t, a, b)
		if got := acceptor.RemoteAddr().(*net.TCPAddr).IP.String(); got != "10.0.1.1" {
			t.Errorf("a dial came from %s, want the new address", got)
		}

		// A socket bound to the old address loses what it sends.
		q := socket(t, b, "udp4", ":4040")
		if _, err := p.WriteTo([]byte("x"), q4(q, "10.0.0.2")); err != nil {
			t.Error(err)
		}
		if s := n.Stats(); s.Dropped != 1 || s.Datagrams != 0 {
			t.Errorf("%+v, want one datagram dropped", s)
		}
	})
}

func TestAddressesBelongToOneHost(t *testing.T) {
	for name, addrs := range map[string][]netip.Addr{
		"another's":   {addr("10.0.0.1")},
		"mapped":      {addr("::ffff:10.0.0.1")},
		"loopback":    {addr("127.0.0.2")},
		"multicast":   {addr("224.0.0.1")},
		"unspecified": {addr("::")},
		"broadcast":   {addr("255.255.255.255")},
		"twice":       {addr("10.0.0.9"), addr("10.0.0.9")},
		"zero":        {{}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
				defer func() {
					if recover() == nil {
						t.Errorf("Host(%v) did not panic", addrs)
					}
				}()
				n.Host(addrs...)
			})
		})
	}
}

func TestSourceAddressIsOnTheLinkOfTheDestination(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		h := n.Host(addr("10.9.0.1"), addr("10.0.0.7"), addr("fd00::7"), addr("fe80::7"))
		v6 := n.Host(addr("fd00::8"), addr("fd00:1::8"), addr("fe80::8"))
		for _, c := range []struct{ dst, want string }{
			{"10.0.0.1", "10.0.0.7"}, {"10.9.0.1", "10.9.0.1"}, {"127.0.0.1", "127.0.0.1"}, {"127.1.2.3", "127.1.2.3"},
			{"192.0.2.1", "10.9.0.1"}, {"fd00::8", "fd00::7"}, {"fd00:1::8", "fd00::7"}, {"fe80::8", "fe80::7"}, {"::1", "::1"},
		} {
			n.mu.Lock()
			got, ok := h.source(addr(c.dst))
			n.mu.Unlock()
			if !ok || got != addr(c.want) {
				t.Errorf("to %s from %v, %v, want %s", c.dst, got, ok, c.want)
			}
		}
		for from, dst := range map[*Host]string{a: "[fd00::8]:1", v6: "10.0.0.1:1", b: "[fe80::8]:1"} {
			if _, err := from.Dial(t.Context(), "tcp", dst); !errors.Is(err, syscall.ENETUNREACH) {
				t.Errorf("Dial %s: %v, want ENETUNREACH", dst, err)
			}
		}
	})
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// q4 is the address that reaches p at an IPv4 address of its host.
func q4(p *PacketConn, ip string) *net.UDPAddr {
	return &net.UDPAddr{IP: net.ParseIP(ip), Port: int(p.bound.port)}
}
