package memnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// send writes one datagram to an address such as "10.0.0.2:4040" or "[ff12::1%eth0]:4040".
func send(t *testing.T, p *PacketConn, payload, to string) {
	t.Helper()
	ap := netip.MustParseAddrPort(to)
	if n, err := p.WriteTo([]byte(payload), net.UDPAddrFromAddrPort(ap)); n != len(payload) || err != nil {
		t.Fatalf("WriteTo %s = %d, %v", to, n, err)
	}
}

// received returns what waits in a socket, each as "payload from address".
func received(t *testing.T, p *PacketConn) (list []string) {
	t.Helper()
	synctest.Wait()
	b := make([]byte, maxDatagram)
	for {
		wantNil(t, p.SetReadDeadline(time.Now().Add(time.Nanosecond)))
		n, from, err := p.ReadFrom(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return list
		}
		wantNil(t, err)
		list = append(list, fmt.Sprintf("%s from %v", b[:n], from))
	}
}

func wantReceived(t *testing.T, p *PacketConn, want ...string) {
	t.Helper()
	if got := received(t, p); !slices.Equal(got, want) {
		t.Errorf("%v received %q, want %q", p.LocalAddr(), got, want)
	}
}

func TestUnicastReachesTheSocketItIsFor(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		p := socket(t, a, "udp4", ":5000")
		exact, first, last := socket(t, b, "udp", "10.0.0.2:4040"), socket(t, b, "udp", ":4040"), socket(t, b, "udp4", ":4040")
		send(t, p, "1", "10.0.0.2:4040")
		wantReceived(t, exact, "1 from 10.0.0.1:5000")
		wantNil(t, exact.Close())
		send(t, p, "2", "10.0.0.2:4040")
		wantReceived(t, last, "2 from 10.0.0.1:5000")
		wantNil(t, last.Close())
		send(t, p, "", "10.0.0.2:4040")
		wantReceived(t, first, " from 10.0.0.1:5000")
		send(t, p, "nobody", "10.0.0.2:4041")
		send(t, p, "no such host", "10.0.0.99:4040")
		send(t, p, "other family", "127.0.0.1:5000")
		wantReceived(t, p, "other family from 127.0.0.1:5000")
		if s := n.Stats(); s.Datagrams != 4 || s.Dropped != 2 {
			t.Errorf("%+v, want 4 delivered and 2 dropped", s)
		}
	})
}

func TestIPv6AndZones(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
		a, b := n.Host(addr("fe80::3"), addr("fd00::3")), n.Host(addr("10.0.0.4"), addr("fe80::4"), addr("fd00::4"))
		p, q := socket(t, a, "udp6", ":5000"), socket(t, b, "udp", ":4040")
		send(t, p, "1", "[fe80::4%eth0]:4040")
		send(t, p, "2", "[fd00::4]:4040")
		send(t, p, "3", "[::1]:5000")
		wantReceived(t, q, "1 from [fe80::3%eth1]:5000", "2 from [fd00::3]:5000")
		wantReceived(t, p, "3 from [::1]:5000")
	})
}

func TestABroadcastReachesEverySocketOnTheLink(t *testing.T) {
	for _, to := range []string{"10.0.0.255:4040", "255.255.255.255:4040"} {
		bubble(t, func(t *testing.T, n *Network, a, b *Host) {
			elsewhere := n.Host(addr("10.0.1.3"))
			cut := n.Host(addr("10.0.0.3"))
			n.Cut(a, cut)
			wanted := []*PacketConn{
				socket(t, a, "udp4", ":4040"), // the sender
				socket(t, a, "udp4", ":4040"), // a neighbour on the same host
				socket(t, b, "udp4", ":4040"),
				socket(t, b, "udp", ":4040"),
				socket(t, b, "udp4", to),
			}
			others := []*PacketConn{
				socket(t, b, "udp4", ":4041"), socket(t, b, "udp6", ":4040"), socket(t, b, "udp4", "10.0.0.2:4040"),
				socket(t, elsewhere, "udp4", ":4040"), socket(t, cut, "udp4", ":4040"),
			}
			send(t, wanted[0], "hello", to)
			for _, p := range wanted {
				wantReceived(t, p, "hello from 10.0.0.1:4040")
			}
			for _, p := range others {
				wantReceived(t, p)
			}
			if s := n.Stats(); s.Datagrams != 5 || s.Dropped != 1 {
				t.Errorf("%+v, want 5 delivered and the cut one dropped", s)
			}
		})
	}
}

func TestABroadcastLeavesOnTheLinkItIsFor(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		two, far := n.Host(addr("10.0.0.3"), addr("10.0.1.3")), n.Host(addr("10.0.1.4"))
		near, away := socket(t, b, "udp4", ":4040"), socket(t, far, "udp4", ":4040")
		wild, bound := socket(t, two, "udp4", ":1"), socket(t, two, "udp4", "10.0.1.3:2")
		send(t, wild, "1", "10.0.1.255:4040")
		send(t, wild, "2", "10.0.0.255:4040")
		send(t, wild, "3", "255.255.255.255:4040")
		send(t, bound, "4", "255.255.255.255:4040")
		send(t, socket(t, a, "udp4", ":3"), "not a link of a's", "10.0.1.255:4040")
		wantReceived(t, near, "2 from 10.0.0.3:1", "3 from 10.0.0.3:1")
		wantReceived(t, away, "1 from 10.0.1.3:1", "4 from 10.0.1.3:2")

		// The loopback's broadcast stays on the machine.
		own := socket(t, two, "udp4", ":4040")
		send(t, wild, "5", "127.255.255.255:4040")
		wantReceived(t, own, "5 from 127.0.0.1:1")
		wantReceived(t, near)
	})
}

// groupOn returns what JoinGroup and LeaveGroup are given.
func groupOn(index int, group netip.Addr) (*net.Interface, net.Addr) {
	return &net.Interface{Index: index}, &net.UDPAddr{IP: group.AsSlice()}
}

func TestMulticastReachesMembersOnTheLink(t *testing.T) {
	for _, c := range []struct{ group, zone, from string }{
		{"ff12::504e:4554", "%eth1", "[fe80::3%eth1]:5000"}, {"ff12::504e:4554", "%3", "[fe80::3%eth1]:5000"},
		{"ff12::504e:4554", "", "[fe80::3%eth1]:5000"}, {"224.0.0.251", "", "10.0.0.3:5000"},
	} {
		bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
			a, b := n.Host(addr("10.0.0.3"), addr("fe80::3")), n.Host(addr("10.0.0.4"), addr("fe80::4"))
			group := addr(c.group)
			p := socket(t, a, "udp", ":5000")
			member, second, stranger := socket(t, b, "udp", ":4040"), socket(t, b, "udp", ":4040"), socket(t, b, "udp", ":4040")
			own := socket(t, a, "udp", ":4040")
			index := 2
			if group.Is6() {
				index = 3
			}
			wantNil(t, member.JoinGroup(groupOn(index, group)))
			wantNil(t, second.JoinGroup(groupOn(0, group)))
			wantNil(t, own.JoinGroup(groupOn(0, group)))
			to := "[" + c.group + c.zone + "]:4040"
			if group.Is4() {
				to = c.group + ":4040"
			}
			send(t, p, "hello", to)
			for _, q := range []*PacketConn{member, second, own} {
				wantReceived(t, q, "hello from "+c.from)
			}
			wantReceived(t, stranger)

			wantNil(t, second.LeaveGroup(groupOn(0, group)))
			send(t, p, "again", to)
			wantReceived(t, member, "again from "+c.from)
			wantReceived(t, second)
		})
	}
}

func TestABoundSocketSendsToGroupsOnItsOwnLink(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, _, _ *Host) {
		h := n.Host(addr("fd00::3"))
		group := addr("ff12::1")
		p, q := socket(t, h, "udp", "[::1]:4040"), socket(t, h, "udp", ":4040")
		wantNil(t, q.JoinGroup(groupOn(1, group)))
		send(t, p, "x", "[ff12::1]:4040")
		wantReceived(t, q, "x from [::1]:4040")
		if got := p.LocalAddr().String(); got != "[::1]:4040" {
			t.Errorf("LocalAddr is %s", got)
		}
	})
}

func TestMembershipErrors(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, _ *Host) {
		p := socket(t, a, "udp", ":0")
		group := addr("224.0.0.251")
		wantNil(t, p.JoinGroup(groupOn(1, group))) // the loopback
		wantNil(t, p.JoinGroup(groupOn(1, addr("ff12::1"))))
		for name, c := range map[string]struct{ got, want error }{
			"join twice":      {p.JoinGroup(groupOn(1, group)), syscall.EADDRINUSE},
			"leave another":   {p.LeaveGroup(groupOn(2, group)), syscall.EADDRNOTAVAIL},
			"no group":        {p.JoinGroup(groupOn(0, addr("10.0.0.1"))), syscall.EINVAL},
			"no interface":    {p.JoinGroup(groupOn(9, group)), syscall.ENODEV},
			"no such family":  {p.JoinGroup(groupOn(0, addr("ff12::1"))), syscall.ENODEV},
			"family on other": {p.JoinGroup(groupOn(2, addr("ff12::1"))), syscall.ENODEV},
		} {
			if !errors.Is(c.got, c.want) {
				t.Errorf("%s: %v, want %v", name, c.got, c.want)
			}
		}
		send(t, p, "x", fmt.Sprintf("[ff12::1%%lo]:%d", p.bound.port))
		wantReceived(t, p, fmt.Sprintf("x from [::1]:%d", p.bound.port))
		wantNil(t, p.Close())
		if err := p.JoinGroup(groupOn(0, group)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("JoinGroup after Close: %v", err)
		}
	})
}

func TestDatagramsAreLostWhenTheQueueIsFull(t *testing.T) {
	for _, c := range []struct{ size, fit int }{{1, queueDatagrams}, {1 << 10, queueBytes >> 10}, {60_000, queueBytes / 60_000}} {
		bubble(t, func(t *testing.T, n *Network, a, b *Host) {
			p, q := socket(t, a, "udp4", ":0"), socket(t, b, "udp4", ":4040")
			for range queueDatagrams + 10 {
				send(t, p, string(make([]byte, c.size)), "10.0.0.2:4040")
			}
			if got := len(received(t, q)); got != c.fit {
				t.Errorf("%d datagrams of %d bytes waited, want %d", got, c.size, c.fit)
			}
			if s := n.Stats(); s.Dropped != uint64(queueDatagrams+10-c.fit) {
				t.Errorf("%+v, want %d dropped", s, queueDatagrams+10-c.fit)
			}
			send(t, p, "room again", "10.0.0.2:4040")
			if got := received(t, q); len(got) != 1 {
				t.Errorf("received %q, want one more", got)
			}
		})
	}
}

func TestDatagramsTravelAndMayBeCutOnTheWay(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		n.SetDelay(time.Second, 0)
		p, q := socket(t, a, "udp4", ":5000"), socket(t, b, "udp4", ":4040")
		send(t, p, "1", "10.0.0.2:4040")
		if d := since(func() { _, _, _ = q.ReadFrom(make([]byte, 1)) }); d != time.Second {
			t.Errorf("a datagram took %v, want 1s", d)
		}
		send(t, p, "2", "10.0.0.2:4040")
		n.CutOneWay(a, b)
		send(t, p, "3", "10.0.0.2:4040")
		pass(time.Hour)
		n.HealAll()
		wantReceived(t, q)
		send(t, p, "4", "10.0.0.2:4040")
		wantNil(t, q.Close())
		pass(time.Hour)
		if s := n.Stats(); s.Datagrams != 1 || s.Dropped != 3 {
			t.Errorf("%+v, want 1 delivered and 3 dropped", s)
		}
	})
}

func TestJitterReordersDatagrams(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		n.SetDelay(0, time.Second)
		p, q := socket(t, a, "udp4", ":5000"), socket(t, b, "udp4", ":4040")
		for i := range 100 {
			send(t, p, fmt.Sprintf("%02d", i), "10.0.0.2:4040")
		}
		pass(time.Second)
		if got := received(t, q); len(got) != 100 || slices.IsSorted(got) {
			t.Errorf("%d datagrams came, in order %v", len(got), slices.IsSorted(got))
		}
	})
}

func TestTamperChangesDatagramsForAllWhoGetThem(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		p, q, r := socket(t, a, "udp4", ":5000"), socket(t, b, "udp4", ":4040"), socket(t, b, "udp4", ":4040")
		n.SetTamper(func(from, to netip.AddrPort, stream uint64, offset int64, b []byte) {
			if from.String() != "10.0.0.1:5000" || to.String() != "10.0.0.255:4040" || stream != 0 || offset != 0 {
				t.Errorf("tamper with %v, %v, %d, %d", from, to, stream, offset)
			}
			b[0]++
		})
		send(t, p, "a", "10.0.0.255:4040")
		wantReceived(t, q, "b from 10.0.0.1:5000")
		wantReceived(t, r, "b from 10.0.0.1:5000")
	})
}

func TestADatagramIsCutToTheReadersBuffer(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		p, q := socket(t, a, "udp4", ":0"), socket(t, b, "udp4", ":4040")
		send(t, p, "abcdef", "10.0.0.2:4040")
		buf := make([]byte, 3)
		if k, _, err := q.ReadFrom(buf); k != 3 || string(buf) != "abc" || err != nil {
			t.Errorf("ReadFrom = %q, %v, want abc", buf[:k], err)
		}
		wantReceived(t, q)
	})
}

func TestPacketConnErrors(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, _ *Host) {
		v6 := n.Host(addr("fd00::3"))
		p4, p6, lone := socket(t, a, "udp4", ":0"), socket(t, v6, "udp6", ":0"), socket(t, v6, "udp", ":0")
		var notUDP *net.AddrError
		if _, err := p4.WriteTo(nil, &net.TCPAddr{}); !errors.As(err, &notUDP) {
			t.Errorf("WriteTo a TCPAddr: %v", err)
		}
		for _, c := range []struct {
			p    *PacketConn
			size int
			to   string
			want error
		}{
			{p4, maxDatagram + 1, "10.0.0.2:1", syscall.EMSGSIZE}, {p4, 1, "[fd00::3]:1", syscall.EAFNOSUPPORT},
			{p6, 1, "10.0.0.1:1", syscall.EAFNOSUPPORT}, {lone, 1, "10.0.0.1:1", syscall.ENETUNREACH},
			{lone, 1, "255.255.255.255:1", syscall.ENETUNREACH}, {lone, 1, "[ff12::1%eth7]:1", syscall.ENETUNREACH},
		} {
			to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.to))
			if _, err := c.p.WriteTo(make([]byte, c.size), to); !errors.Is(err, c.want) {
				t.Errorf("WriteTo %s: %v, want %v", c.to, err, c.want)
			}
		}
		for address, want := range map[string]error{"10.0.0.2:0": syscall.EADDRNOTAVAIL, "10.0.5.255:0": syscall.EADDRNOTAVAIL} {
			if _, err := a.ListenPacket(t.Context(), "udp", address); !errors.Is(err, want) {
				t.Errorf("ListenPacket %s: %v, want %v", address, err, want)
			}
		}
		var unknown net.UnknownNetworkError
		if _, err := a.ListenPacket(t.Context(), "tcp", ":0"); !errors.As(err, &unknown) {
			t.Errorf("ListenPacket tcp: %v", err)
		}

		wantNil(t, p4.SetWriteDeadline(time.Unix(1, 0)))
		if _, err := p4.WriteTo(nil, q4(p4, "10.0.0.1")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("WriteTo after the deadline: %v", err)
		}
		wantNil(t, p4.SetDeadline(time.Now().Add(time.Second)))
		if d := since(func() { _, _, _ = p4.ReadFrom(nil) }); d != time.Second {
			t.Errorf("ReadFrom waited for %v, want 1s", d)
		}
		wantNil(t, p4.SetDeadline(time.Time{}))
		done := make(chan error)
		go func() { _, _, err := p4.ReadFrom(nil); done <- err }()
		synctest.Wait()
		wantNil(t, p4.Close())
		_, writeErr := p4.WriteTo(nil, q4(p4, "10.0.0.1"))
		for name, err := range map[string]error{
			"ReadFrom": <-done, "WriteTo": writeErr, "Close": p4.Close(), "SetDeadline": p4.SetDeadline(time.Time{}),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	})
}

func TestADualSocketShowsIPv4In16Bytes(t *testing.T) {
	bubble(t, func(t *testing.T, n *Network, a, b *Host) {
		p := socket(t, a, "udp4", ":0")
		for network, size := range map[string]int{"udp": 16, "udp4": 4} {
			q := socket(t, b, network, ":4040")
			send(t, p, "x", "10.0.0.2:4040")
			_, from, err := q.ReadFrom(nil)
			if ua := from.(*net.UDPAddr); err != nil || len(ua.IP) != size {
				t.Errorf("%s: from %#v, %v, want %d bytes", network, ua, err, size)
			}
			wantNil(t, q.Close())
		}
	})
}
