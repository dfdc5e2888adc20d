package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/private"
)

// group is where announces go over IPv6: a group of link-local scope, so that no router passes them on.
var group = netip.MustParseAddr("ff12::504e:4554")

// sendWithin bounds how long one round of announces may take. A datagram is all but never kept waiting.
const sendWithin = time.Second

var errNoGroups = errors.New("the socket cannot join multicast groups")

// A membership is a socket whose multicast groups are methods of its own; *net.UDPConn's are not.
type membership interface {
	JoinGroup(index int, group netip.Addr) error
	LeaveGroup(index int, group netip.Addr) error
}

// A socket sends and receives the announces of one family. One goroutine may read while another sends.
type socket struct {
	net.PacketConn
	udp     *net.UDPConn // nil: not the system's
	ipv6    bool
	control []byte // room for what the system says of a datagram beside its payload; empty: it says nothing
}

// listen opens a socket on a port of all addresses of one family.
func listen(ctx context.Context, self discovery.Self, ipv6 bool, port uint16) (*socket, error) {
	network := "udp4"
	if ipv6 {
		network = "udp6"
	}
	conn, err := self.ListenPacket(ctx, network, ":"+strconv.Itoa(int(port)))
	if err != nil {
		return nil, err
	}
	s := &socket{PacketConn: conn, ipv6: ipv6}
	s.udp, _ = conn.(*net.UDPConn)
	s.askForInterface()
	return s, nil
}

// askForInterface makes the system say on which interface a datagram came in, where it can.
func (s *socket) askForInterface() {
	switch {
	case s.udp == nil:
	case s.ipv6:
		if ipv6.NewPacketConn(s.udp).SetControlMessage(ipv6.FlagInterface, true) == nil {
			s.control = ipv6.NewControlMessage(ipv6.FlagInterface)
		}
	default:
		if ipv4.NewPacketConn(s.udp).SetControlMessage(ipv4.FlagInterface, true) == nil {
			s.control = ipv4.NewControlMessage(ipv4.FlagInterface)
		}
	}
}

// room returns a buffer for read. It shows a datagram longer than an announce as such; where the system reports one that
// does not fit as an error, it has room for any.
func room() []byte {
	if runtime.GOOS == "windows" {
		return make([]byte, 1<<16)
	}
	return make([]byte, max(AnnounceSize, private.PacketSize)+1)
}

// read waits for a datagram, puts what fits of it into b, and allocates nothing. control is valid until the next read.
func (s *socket) read(b []byte) (n int, control []byte, src netip.AddrPort, err error) {
	if s.udp == nil {
		n, from, err := s.ReadFrom(b)
		if from, ok := from.(*net.UDPAddr); ok {
			src = from.AddrPort()
		}
		return n, nil, src, err
	}
	n, size, _, src, err := s.udp.ReadMsgUDPAddrPort(b, s.control)
	return n, s.control[:size], src, err
}

// interfaceOf returns the index of the interface on which a datagram came in, 0 if the system did not say.
func (s *socket) interfaceOf(control []byte) int {
	switch {
	case len(control) == 0:
		return 0
	case s.ipv6:
		var m ipv6.ControlMessage
		if m.Parse(control) == nil {
			return m.IfIndex
		}
	default:
		var m ipv4.ControlMessage
		if m.Parse(control) == nil {
			return m.IfIndex
		}
	}
	return 0
}

// send sends b to a port at a target on a link.
func (s *socket) send(b []byte, t target, port uint16, l *link) error {
	if s.udp == nil {
		to := &net.UDPAddr{IP: t.to.AsSlice(), Port: int(port), Zone: strconv.Itoa(l.index)}
		_, err := s.WriteTo(b, to)
		return err
	}
	if s.ipv6 {
		// The index instead of the name: the net package keeps the index of a name for a minute, and an interface that is
		// made again has another.
		to := netip.AddrPortFrom(t.to.WithZone(strconv.Itoa(l.index)), port)
		_, err := s.udp.WriteToUDPAddrPort(b, to)
		return err
	}
	// Where a system knows no such control message, it chooses the interface by the address.
	var control []byte
	if len(s.control) > 0 {
		control = (&ipv4.ControlMessage{IfIndex: l.index, Src: t.from.AsSlice()}).Marshal()
	}
	_, _, err := s.udp.WriteMsgUDPAddrPort(b, control, netip.AddrPortFrom(t.to, port))
	return err
}

// join makes an IPv6 socket receive what is sent to the group on the interface with this index. A membership that is
// left over from before the interface went away is made anew.
func (s *socket) join(index int) error {
	s.leave(index)
	if s.udp != nil {
		return ipv6.NewPacketConn(s.udp).JoinGroup(&net.Interface{Index: index}, &net.UDPAddr{IP: group.AsSlice()})
	}
	if m, ok := s.PacketConn.(membership); ok {
		return m.JoinGroup(index, group)
	}
	return errNoGroups
}

// leave ends what join began. It may fail, as when the interface is gone; then there is nothing more to do.
func (s *socket) leave(index int) {
	if s.udp != nil {
		_ = ipv6.NewPacketConn(s.udp).LeaveGroup(&net.Interface{Index: index}, &net.UDPAddr{IP: group.AsSlice()})
		return
	}
	if m, ok := s.PacketConn.(membership); ok {
		_ = m.LeaveGroup(index, group)
	}
}
