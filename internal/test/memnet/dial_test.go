package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDialWaitsUntilThePathIsOpen(t *testing.T) {
	for _, c := range []struct {
		name      string
		cut, heal func(n *Network, a, b *Host)
	}{
		{"Cut", func(n *Network, a, b *Host) { n.Cut(a, b) }, func(n *Network, a, b *Host) { n.Heal(a, b) }},
		{"RequestCut", func(n *Network, a, b *Host) { n.CutOneWay(a, b) }, func(n *Network, _, _ *Host) { n.HealAll() }},
		{"AnswerCut", func(n *Network, a, b *Host) { n.CutOneWay(b, a) }, func(n *Network, _, _ *Host) { n.HealAll() }},
		{"Partition", func(n *Network, a, _ *Host) { n.Partition([]*Host{a}) }, func(n *Network, _, _ *Host) { n.Partition() }},
		{"NoSuchAddress", func(_ *Network, _, b *Host) { b.SetAddrs() }, func(_ *Network, _, b *Host) { b.SetAddrs(addr("10.0.0.2")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				listen(t, b, "tcp", ":7100")
				c.cut(n, a, b)
				if d := since(func() {
					if _, err := a.Dial(within(t, time.Minute), "tcp", "10.0.0.2:7100"); !errors.Is(err, context.DeadlineExceeded) || !isTimeout(err) {
						t.Errorf("Dial: %v, want a timeout", err)
					}
				}); d != time.Minute {
					t.Errorf("Dial waited for %v, want 1m", d)
				}
				time.AfterFunc(time.Hour, func() { c.heal(n, a, b) })
				if d := since(func() { dialTo(t, a, "10.0.0.2:7100") }); d != time.Hour {
					t.Errorf("Dial waited for %v, want 1h", d)
				}
			})
		})
	}
}

func TestDialEndsWithItsContextAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		name string
		at   time.Duration
	}{{"RequestTravels", 500 * time.Millisecond}, {"AnswerTravels", 1500 * time.Millisecond}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *Network, a, b *Host) {
				n.SetDelay(time.Second, 0)
				l := listen(t, b, "tcp", ":7100")
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(c.at, cancel)
				if d := since(func() {
					if _, err := a.Dial(ctx, "tcp", "10.0.0.2:7100"); !errors.Is(err, context.Canceled) {
						t.Errorf("Dial: %v, want context.Canceled", err)
					}
				}); d != c.at {
					t.Errorf("Dial waited for %v, want %v", d, c.at)
				}
				if c.at > time.Second {
					wantReadError(t, accept(t, l), syscall.ECONNRESET)
				}
			})
		})
	}
}

func TestDialWaitsForRoomInTheBacklog(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		l := listen(t, b, "tcp", ":7100")
		for range backlog {
			dialTo(t, a, "10.0.0.2:7100")
		}
		if _, err := a.Dial(within(t, time.Hour), "tcp", "10.0.0.2:7100"); !isTimeout(err) {
			t.Errorf("Dial: %v, want a timeout", err)
		}
		time.AfterFunc(time.Minute, func() { accept(t, l) })
		if d := since(func() { dialTo(t, a, "10.0.0.2:7100") }); d != time.Minute {
			t.Errorf("Dial waited for %v, want 1m", d)
		}
		time.AfterFunc(time.Minute, func() { _ = l.Close() })
		if _, err := a.Dial(t.Context(), "tcp", "10.0.0.2:7100"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Dial to a listener that closes: %v, want ECONNREFUSED", err)
		}
	})
}

func TestClosingAListenerResetsWhatItDidNotAccept(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		l := listen(t, b, "tcp", ":7100")
		x := dialTo(t, a, "10.0.0.2:7100")
		y := accept(t, l)
		z := dialTo(t, a, "10.0.0.2:7100")
		wantNil(t, l.Close())
		wantReadError(t, z, syscall.ECONNRESET)
		write(t, x, "accepted")
		wantRead(t, y, "accepted")
		listen(t, b, "tcp", ":7100") // although y has the same port
	})
}

func TestDialReachesWhatListensThere(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
		h, other := n.Host(addr("10.0.0.7"), addr("fd00::7"), addr("fe80::7")), n.Host(addr("10.0.0.8"), addr("fd00::8"), addr("fe80::8"))
		for _, c := range []struct {
			network, listen string
			from            *Host
			dial            string
			reached         bool
		}{
			{"tcp", ":1", other, "10.0.0.7", true}, {"tcp", ":1", other, "fd00::7", true}, {"tcp", ":1", h, "127.0.0.1", true},
			{"tcp", ":1", h, "::1", true}, {"tcp", ":1", other, "127.0.0.1", false}, {"tcp", ":1", h, "", true},
			{"tcp", ":1", h, "0.0.0.0", true}, {"tcp", ":1", h, "::", true}, {"tcp", ":1", h, "fd00::7", true},
			{"tcp", ":1", other, "::ffff:10.0.0.7", true}, {"tcp", ":1", other, "fe80::7%eth2", true},
			{"tcp4", ":1", other, "10.0.0.7", true}, {"tcp4", ":1", other, "fd00::7", false},
			{"tcp6", ":1", other, "10.0.0.7", false}, {"tcp6", ":1", other, "fd00::7", true},
			{"tcp", "127.0.0.1:1", h, "127.0.0.1", true}, {"tcp", "127.0.0.1:1", h, "127.0.0.2", false},
			{"tcp", "127.0.0.1:1", h, "10.0.0.7", false}, {"tcp", "127.0.0.1:1", other, "10.0.0.7", false},
			{"tcp", "10.0.0.7:1", other, "10.0.0.7", true}, {"tcp", "10.0.0.7:1", h, "127.0.0.1", false},
			{"tcp", "[fd00::7]:1", other, "fd00::7", true}, {"tcp", "[fe80::7%eth2]:1", other, "fe80::7%eth2", true},
			{"tcp", ":2", other, "10.0.0.7", false},
		} {
			l := listen(t, h, c.network, c.listen)
			conn, err := c.from.Dial(t.Context(), "tcp", net.JoinHostPort(c.dial, "1"))
			if reached := err == nil; reached != c.reached || !reached && !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s %s dialled at %q: %v, want reached %v", c.network, c.listen, c.dial, err, c.reached)
			}
			if err == nil {
				wantNil(t, accept(t, l).Close())
				wantNil(t, conn.Close())
			}
			wantNil(t, l.Close())
		}
	})
}

func TestLinkLocalAddressesHaveTheZoneOfTheirInterface(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
		h, other := n.Host(addr("10.0.0.7"), addr("fe80::7")), n.Host(addr("fe80::8"))
		l := listen(t, h, "tcp", ":7100")
		x := dialTo(t, other, "[fe80::7%eth0]:7100")
		y := accept(t, l)
		for name, c := range map[string]struct {
			got  net.Addr
			want string
		}{
			"dialler's own":    {x.LocalAddr(), "[fe80::8%eth0]:32768"},
			"dialler's other":  {x.RemoteAddr(), "[fe80::7%eth0]:7100"},
			"acceptor's own":   {y.LocalAddr(), "[fe80::7%eth1]:7100"},
			"acceptor's other": {y.RemoteAddr(), "[fe80::8%eth1]:32768"},
		} {
			if c.got.String() != c.want {
				t.Errorf("%s address is %v, want %s", name, c.got, c.want)
			}
		}
	})
}

func TestDialTakesLiteralsOnly(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, _ *Host) {
		var dns *net.DNSError
		if _, err := a.Dial(t.Context(), "tcp", "localhost:1"); !errors.As(err, &dns) || !dns.IsNotFound {
			t.Errorf("Dial by name: %v, want a DNSError", err)
		}
		var unknown net.UnknownNetworkError
		for _, network := range []string{"udp", "unix", "tcp5", ""} {
			if _, err := a.Dial(t.Context(), network, "10.0.0.2:1"); !errors.As(err, &unknown) {
				t.Errorf("Dial %q: %v, want UnknownNetworkError", network, err)
			}
		}
	})
}

func TestUnspecifiedAddressesAreTheOwnLoopback(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, _ *Host) {
		for _, c := range []struct{ network, address, want string }{
			{"tcp", ":7100", "127.0.0.1:7100"}, {"tcp4", "0.0.0.0:7100", "127.0.0.1:7100"}, {"tcp6", ":7100", "[::1]:7100"},
		} {
			l := listen(t, a, "tcp", ":7100")
			x, err := a.Dial(t.Context(), c.network, c.address)
			wantNil(t, err)
			if got := x.RemoteAddr().String(); got != c.want {
				t.Errorf("Dial %s %s reached %s, want %s", c.network, c.address, got, c.want)
			}
			wantNil(t, accept(t, l).Close())
			wantNil(t, x.Close())
			wantNil(t, l.Close())
		}
		p := socket(t, a, "udp", ":4040")
		send(t, p, "1", "0.0.0.0:4040")
		send(t, p, "2", "[::]:4040")
		wantReceived(t, p, "1 from 127.0.0.1:4040", "2 from [::1]:4040")
	})
}

func TestAddressesOfOthersCannotBeListenedAt(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, _ *Host) {
		for _, address := range []string{"10.0.0.2:0", "[fe80::9]:0", "[fd00::9]:0"} {
			if _, err := a.Listen(t.Context(), "tcp", address); !errors.Is(err, syscall.EADDRNOTAVAIL) {
				t.Errorf("Listen %s: %v, want EADDRNOTAVAIL", address, err)
			}
		}
	})
}

func TestPortsRunOutAndComeBack(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		x, _ := connect(t, a, b)
		for p := uint16(firstPort); p <= lastPort; p++ {
			a.dialPorts[p] = struct{}{} // as that many connections would
		}
		if _, err := a.Dial(t.Context(), "tcp", "10.0.0.2:1"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("Dial without a port: %v, want EADDRNOTAVAIL", err)
		}
		if _, err := a.Listen(t.Context(), "tcp", ":0"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("Listen without a port: %v, want EADDRINUSE", err)
		}
		if _, err := a.ListenPacket(t.Context(), "udp", ":0"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("ListenPacket without a port: %v, want EADDRINUSE", err)
		}
		freed := x.addr.Port()
		wantNil(t, x.Close())
		n.Reset(a, b)
		clear(a.dialPorts)
		a.nextPort = lastPort
		y, _ := connect(t, a, b)
		z, _ := connect(t, a, b)
		if y.addr.Port() != lastPort || z.addr.Port() != freed {
			t.Errorf("ports %d and %d, want the last and then the first again", y.addr.Port(), z.addr.Port())
		}
	})
}

func TestThousandsOfConnections(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		const count = 4000
		l := listen(t, b, "tcp", ":7100")
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					buf := make([]byte, 4)
					k, _ := c.Read(buf)
					_, _ = c.Write(buf[:k])
					_ = c.Close()
				}()
			}
		}()
		n.SetDelay(time.Millisecond, time.Millisecond)
		done := make(chan struct{})
		for range count {
			go func() {
				defer func() { done <- struct{}{} }()
				c := dialTo(t, a, netip.AddrPortFrom(addr("10.0.0.2"), 7100).String())
				write(t, c, "ping")
				wantRead(t, c, "ping")
				_ = c.Close()
			}()
		}
		for range count {
			<-done
		}
		synctest.Wait()
	})
}
