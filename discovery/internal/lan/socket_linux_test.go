package lan

import (
	"context"
	"maps"
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
	none := discovery.Interface{Index: 1 << 20, Name: "none"}
	for network, group := range map[string]string{"udp4": "224.0.0.251", "udp6": "ff12::504e:4554"} {
		s, _ := listen(t, network)
		to := netip.MustParseAddr(group)
		changed := lo
		changed.Addrs = lo.Addrs[:1]
		for _, list := range [][]discovery.Interface{{lo}, {lo}, {changed}, nil, {lo}} {
			if errs := s.Join(list, to); len(errs) > 0 {
				t.Fatal(network, errs)
			}
		}
		for range 2 { // it tries again
			if errs := s.Join([]discovery.Interface{none, lo}, to); len(errs) != 1 {
				t.Errorf("%s: %v, want an error for the interface that does not exist", network, errs)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A member is a socket in memory that notes its memberships.
type member struct {
	net.PacketConn
	in  map[int]int // by index: how often it has joined without leaving
	did *int        // how often it has joined
}

func (m member) JoinGroup(i *net.Interface, _ net.Addr) error {
	m.in[i.Index]++
	*m.did++
	return nil
}

func (m member) LeaveGroup(i *net.Interface, _ net.Addr) error {
	delete(m.in, i.Index)
	return nil
}

func TestGroupsAreJoinedAnewWhereSomethingHasChanged(t *testing.T) {
	m := member{in: make(map[int]int), did: new(int)}
	s, err := Listen(t.Context(), discovery.Self{ListenPacket: func(context.Context, string, string) (net.PacketConn, error) { return m, nil }}, "udp6", "")
	if err != nil {
		t.Fatal(err)
	}
	again := card(2, "eth0", "10.77.0.98/24")
	for n, c := range []struct {
		list []discovery.Interface
		in   map[int]int
		did  int
	}{
		{[]discovery.Interface{eth0}, map[int]int{2: 1}, 1},
		{[]discovery.Interface{eth0, eth1}, map[int]int{2: 1, 3: 1}, 2},
		{[]discovery.Interface{eth0, eth1}, map[int]int{2: 1, 3: 1}, 2},
		{[]discovery.Interface{again, eth1}, map[int]int{2: 1, 3: 1}, 3},
		{[]discovery.Interface{eth1}, map[int]int{3: 1}, 3},
		{nil, map[int]int{}, 3},
	} {
		if errs := s.Join(c.list, netip.MustParseAddr("ff02::1")); len(errs) > 0 || !maps.Equal(m.in, c.in) || *m.did != c.did {
			t.Errorf("step %d: %v, member on %v after %d joins", n, errs, m.in, *m.did)
		}
	}
}

// TestReceiveEndsWithItsSocket closes a socket that waits for a datagram, and one whose network has gone.
func TestReceiveEndsWithItsSocket(t *testing.T) {
	for name, end := range map[string]func(*Socket) error{"closed": (*Socket).Close, "gone": func(s *Socket) error { return s.PacketConn.Close() }} {
		s, port := listen(t, "udp4")
		heard, ended := make(chan string), make(chan error, 1)
		go func() {
			ended <- s.Receive(func(b []byte, _ Origin) { heard <- string(b) }, func(error) {})
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
	if errs := s.Join([]discovery.Interface{eth1}, netip.MustParseAddr("ff02::1")); len(errs) != 1 || errs["eth1"] != ErrNoGroups {
		t.Errorf("join: %v", errs)
	}
	if s.IsSystem() {
		t.Error("taken for one of the system")
	}
}
