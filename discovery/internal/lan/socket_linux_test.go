package lan

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// lo is this machine's loopback. No other interface is ever used.
var lo = discovery.Interface{Index: 1, Name: "lo", Flags: carries | net.FlagLoopback,
	Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}}

// listen opens a socket on a free port of all addresses.
func listen(t *testing.T, network string) (s *Socket, port uint16) {
	t.Helper()
	self := discovery.Self{ListenPacket: new(net.ListenConfig).ListenPacket}
	s, err := Listen(t.Context(), self, network, ":0")
	if err != nil {
		t.Fatal(err)
	}
	return s, s.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// receive returns the first datagram and its origin.
func receive(t *testing.T, s *Socket) (payload []byte, o Origin) {
	t.Helper()
	if err := s.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, o, err := s.read(make([]byte, 100))
	if err != nil {
		t.Fatal(err)
	}
	return make([]byte, n), o
}

func TestTheSystemSaysWhichInterfaceHeard(t *testing.T) {
	for _, c := range []struct{ network, to string }{{"udp4", "127.255.255.255"}, {"udp4", "127.0.0.1"}, {"udp6", "::1"}} {
		s, port := listen(t, c.network)
		to := netip.MustParseAddr(c.to)
		if err := s.Send([]byte("x"), netip.AddrPortFrom(to, port), lo, netip.MustParseAddr("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
		b, o := receive(t, s)
		if index, dst := o.Interface(); len(b) != 1 || index != 1 || dst != to || !o.Src.Addr().Unmap().IsLoopback() {
			t.Errorf("to %s: %d bytes from %v to %v on interface %d", c.to, len(b), o.Src, dst, index)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestGroupsCanBeJoinedAndLeft(t *testing.T) {
	for network, group := range map[string]string{"udp4": "224.0.0.251", "udp6": "ff12::504e:4554"} {
		s, _ := listen(t, network)
		to := netip.MustParseAddr(group)
		for range 3 {
			if err := s.Join(lo, to); err != nil {
				t.Fatal(network, err)
			}
		}
		s.Leave(lo, to)
		if err := s.Join(discovery.Interface{Index: 1 << 20, Name: "none"}, to); err == nil {
			t.Errorf("%s: joined on an interface that does not exist", network)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReceiveEndsWithItsSocket closes a socket that waits for a datagram, and one whose network has gone.
func TestReceiveEndsWithItsSocket(t *testing.T) {
	for name, end := range map[string]func(*Socket) error{"closed": (*Socket).Close, "gone": func(s *Socket) error { return s.PacketConn.Close() }} {
		s, port := listen(t, "udp4")
		heard, ended := make(chan string), make(chan error, 1)
		go func() {
			ended <- s.Receive(make([]byte, 100), func(b []byte, _ Origin) { heard <- string(b) }, func(error) {})
		}()
		conn, err := net.Dial("udp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != "x" {
			t.Errorf("heard %q", got)
		}
		if err := end(s); err != nil {
			t.Error(err)
		}
		if err := <-ended; (err == nil) != (name == "closed") {
			t.Errorf("%s: %v", name, err)
		}
		_ = conn.Close()
	}
}

// silent is a socket that never hears anything, in memory.
type silent struct {
	net.PacketConn
	sent *[]string
}

func (s silent) WriteTo(_ []byte, to net.Addr) (int, error) {
	*s.sent = append(*s.sent, to.String())
	return 0, nil
}

func TestASocketInMemoryIsToldTheInterface(t *testing.T) {
	var sent []string
	s, err := Listen(t.Context(), discovery.Self{ListenPacket: func(context.Context, string, string) (net.PacketConn, error) {
		return silent{sent: &sent}, nil
	}}, "udp6", ":1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(nil, netip.MustParseAddrPort("[ff02::1]:1"), eth1, netip.Addr{}); err != nil || len(sent) != 1 || sent[0] != "[ff02::1%3]:1" {
		t.Errorf("sent to %q, %v", sent, err)
	}
	if err := s.Join(eth1, netip.MustParseAddr("ff02::1")); err != ErrNoGroups {
		t.Errorf("join: %v", err)
	}
	if s.IsSystem() {
		t.Error("taken for one of the system")
	}
}
