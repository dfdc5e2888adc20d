package mdns

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// port is that of multicast DNS, for packets that come and that go: RFC 6762 §11.
const port = 5353

// The groups that multicast DNS goes to.
var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	group6 = netip.MustParseAddr("ff02::fb")
)

const (
	// hops is what packets are sent with, so that whoever cares sees that no router was on their way: RFC 6762 §11.
	hops = 255

	// socketBuffer is the room for packets that is asked for: all nodes of a link may answer one question at once.
	socketBuffer = 1 << 20

	// sendWithin bounds how long a packet is sent. It is all but never kept waiting.
	sendWithin = time.Second
)

// A socket hears and speaks in one family, on some interfaces. One goroutine may receive while others send.
type socket struct {
	family
	v6    bool
	using []discovery.Interface
	mu    sync.Mutex // held to send: the interface is first chosen
}

// A family is what a socket does in a way of its family.
type family interface {
	receive(b []byte) (int, origin, error)
	choose(i *net.Interface) error // where write goes
	write(b []byte) error          // to the group
}

// send sends a packet on one of the interfaces, if that has an address of the family. It reports whether it has.
func (s *socket) send(b []byte, index int) (bool, error) {
	at := slices.IndexFunc(s.using, func(i discovery.Interface) bool { return i.Index == index })
	if at < 0 || !slices.ContainsFunc(s.using[at].Addrs, func(p netip.Prefix) bool { return p.Addr().Is6() == s.v6 }) {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.choose(&system(s.using[at : at+1])[0]); err != nil {
		return true, err
	}
	return true, s.write(b)
}

// open4 makes conn hear the IPv4 group on those interfaces that can, at least one, and speak on them. The packets are heard
// on this machine too.
func open4(conn net.PacketConn, using []discovery.Interface) (*socket, error) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, ErrNetwork
	}
	p := ipv4.NewPacketConn(udp)
	if err := joinAll(using, func(i *net.Interface) error { return p.JoinGroup(i, &net.UDPAddr{IP: group4.AsSlice()}) }); err != nil {
		return nil, err
	}
	_ = udp.SetReadBuffer(socketBuffer) // as much as the system allows
	for _, err := range []error{
		p.SetMulticastTTL(hops), p.SetMulticastLoopback(true), control(p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)),
	} {
		if err != nil {
			return nil, err
		}
	}
	return &socket{family: family4{p}, using: using}, nil
}

// open6 is open4 for IPv6.
func open6(conn net.PacketConn, using []discovery.Interface) (*socket, error) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, ErrNetwork
	}
	p := ipv6.NewPacketConn(udp)
	if err := joinAll(using, func(i *net.Interface) error { return p.JoinGroup(i, &net.UDPAddr{IP: group6.AsSlice()}) }); err != nil {
		return nil, err
	}
	_ = udp.SetReadBuffer(socketBuffer) // as much as the system allows
	for _, err := range []error{
		p.SetMulticastHopLimit(hops), p.SetMulticastLoopback(true), control(p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)),
	} {
		if err != nil {
			return nil, err
		}
	}
	return &socket{family: family6{p}, v6: true, using: using}, nil
}

// control returns the error of asking the system where packets come in, unless it is known not to say.
func control(err error) error {
	if !tellsInterface {
		return nil
	}
	return err
}

// joinAll joins a group on all interfaces. The error is that of the last if none can.
func joinAll(using []discovery.Interface, join func(*net.Interface) error) (err error) {
	joined := false
	for _, i := range system(using) {
		if e := join(&i); e != nil {
			err = e
			continue
		}
		joined = true
	}
	if joined {
		return nil
	}
	return err
}

type family4 struct{ *ipv4.PacketConn }

func (f family4) receive(b []byte) (int, origin, error) {
	n, m, src, err := f.ReadFrom(b)
	o := origin{src: addrPort(src)}
	if m != nil {
		o.index = m.IfIndex
		o.dst, _ = netip.AddrFromSlice(m.Dst.To4())
	}
	return n, o, err
}

func (f family4) choose(i *net.Interface) error { return f.SetMulticastInterface(i) }

func (f family4) write(b []byte) error {
	if err := f.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
		return err
	}
	_, err := f.WriteTo(b, nil, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
	return err
}

type family6 struct{ *ipv6.PacketConn }

func (f family6) receive(b []byte) (int, origin, error) {
	n, m, src, err := f.ReadFrom(b)
	o := origin{src: addrPort(src)}
	if m != nil {
		o.index = m.IfIndex
		o.dst, _ = netip.AddrFromSlice(m.Dst)
	}
	return n, o, err
}

func (f family6) choose(i *net.Interface) error { return f.SetMulticastInterface(i) }

func (f family6) write(b []byte) error {
	if err := f.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
		return err
	}
	_, err := f.WriteTo(b, nil, &net.UDPAddr{IP: group6.AsSlice(), Port: port})
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}
