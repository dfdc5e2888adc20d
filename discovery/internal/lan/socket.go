package lan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// SendWithin bounds how long a datagram, or a round of them, is sent. A datagram hardly ever has to wait.
const SendWithin = time.Second

// A socket that fails to read MaxReadFailures times without a datagram in between is given up. Between the failures is a
// pause.
const (
	MaxReadFailures = 10
	readPause       = 20 * time.Millisecond
)

// ErrNoGroups says that a socket cannot join multicast groups.
var ErrNoGroups = errors.New("the socket cannot join multicast groups")

// groups are the multicast groups of a socket. A socket in memory has them as methods of its own. Of the interface they look
// at the index alone.
type groups interface {
	JoinGroup(i *net.Interface, group net.Addr) error
	LeaveGroup(i *net.Interface, group net.Addr) error
}

// packetConn is what golang.org/x/net adds to a socket of either family.
type packetConn interface {
	groups
	SetMulticastInterface(i *net.Interface) error
	SetMulticastLoopback(on bool) error
}

// A Socket sends and receives the datagrams of one family. It receives in a goroutine of its own while others send.
type Socket struct {
	net.PacketConn
	IPv6 bool

	udp      *net.UDPConn                // nil: not the system's
	system   packetConn                  // of udp
	groups   groups                      // nil: it cannot join any
	control  []byte                      // room for what the system says of a datagram beside its payload; empty: it says nothing
	joined   map[int]discovery.Interface // by index: as they were when the socket joined its group there
	closed   chan struct{}
	reading  sync.WaitGroup
	choosing sync.Mutex // held to send an IPv4 multicast: the interface is chosen first
}

// Listen opens a socket as net.ListenConfig.ListenPacket does, for network udp4 or udp6.
func Listen(ctx context.Context, self discovery.Self, network, address string) (*Socket, error) {
	conn, err := self.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err
	}
	s := &Socket{PacketConn: conn, IPv6: network == "udp6", joined: make(map[int]discovery.Interface), closed: make(chan struct{})}
	if s.udp, _ = conn.(*net.UDPConn); s.udp == nil {
		s.groups, _ = conn.(groups)
		return s, nil
	}
	// The system is asked on which interface a datagram comes in, and where it was sent.
	if s.IPv6 {
		p, says := ipv6.NewPacketConn(s.udp), ipv6.FlagInterface|ipv6.FlagDst
		s.system, s.control, err = p, ipv6.NewControlMessage(says), p.SetControlMessage(says, true)
	} else {
		p, says := ipv4.NewPacketConn(s.udp), ipv4.FlagInterface|ipv4.FlagDst
		s.system, s.control, err = p, ipv4.NewControlMessage(says), p.SetControlMessage(says, true)
	}
	if err != nil {
		s.control = nil
	}
	s.groups = s.system
	return s, nil
}

// IsSystem reports whether the socket is one of the system's network.
func (s *Socket) IsSystem() bool { return s.udp != nil }

// TellsInterface reports whether the system tells on which interface a datagram came in. Windows does not, through
// golang.org/x/net.
func (s *Socket) TellsInterface() bool { return len(s.control) > 0 }

// SetMulticast makes a socket of the system send multicasts with a TTL or hop limit, which are heard on this machine too, and
// asks for room for those that come in.
func (s *Socket) SetMulticast(hops, buffer int) (err error) {
	_ = s.udp.SetReadBuffer(buffer) // as much as the system allows
	if s.IPv6 {
		err = ipv6.NewPacketConn(s.udp).SetMulticastHopLimit(hops)
	} else {
		err = ipv4.NewPacketConn(s.udp).SetMulticastTTL(hops)
	}
	return errors.Join(err, s.system.SetMulticastLoopback(true))
}

// Join makes the socket receive what is sent to a group on these interfaces, and on no others. On an interface that has
// changed since the last time it joins anew: the interface may be another one of the same name, or have lost its groups. It
// returns the errors by the names of the interfaces, where the next Join tries again.
func (s *Socket) Join(list []discovery.Interface, group netip.Addr) map[string]error {
	errs := make(map[string]error)
	to := &net.UDPAddr{IP: group.AsSlice()}
	for index, was := range s.joined {
		if !slices.ContainsFunc(list, func(i discovery.Interface) bool { return IsSame(i, was) }) {
			_ = s.groups.LeaveGroup(&net.Interface{Index: index}, to) // it fails if the interface is gone
			delete(s.joined, index)
		}
	}
	for _, i := range list {
		if _, joined := s.joined[i.Index]; joined {
			continue
		}
		if s.groups == nil {
			errs[i.Name] = ErrNoGroups
			continue
		}
		on := System(i)
		_ = s.groups.LeaveGroup(&on, to) // a membership may be left over from before the interface went away
		if err := s.groups.JoinGroup(&on, to); err != nil {
			errs[i.Name] = err
			continue
		}
		s.joined[i.Index] = i
	}
	return errs
}

// Send sends b on an interface. from is this machine's address there; not valid: the system chooses it.
func (s *Socket) Send(b []byte, to netip.AddrPort, i discovery.Interface, from netip.Addr) error {
	switch {
	case s.udp == nil: // the interface is the zone of the address
	case s.IPv6 && from.IsValid() && s.TellsInterface():
		control := (&ipv6.ControlMessage{IfIndex: i.Index, Src: from.AsSlice()}).Marshal()
		_, _, err := s.udp.WriteMsgUDPAddrPort(b, control, to)
		return err
	case s.IPv6: // likewise
	case to.Addr().IsMulticast():
		s.choosing.Lock()
		defer s.choosing.Unlock()
		on := System(i)
		if err := s.system.SetMulticastInterface(&on); err != nil {
			return err
		}
	default:
		// Where a system knows no such control message, it chooses the interface by the address.
		var control []byte
		if s.TellsInterface() {
			control = (&ipv4.ControlMessage{IfIndex: i.Index, Src: from.AsSlice()}).Marshal()
		}
		_, _, err := s.udp.WriteMsgUDPAddrPort(b, control, to)
		return err
	}
	// The index instead of the name: the net package keeps the index of a name for a minute, and an interface that is
	// made again has another.
	_, err := s.WriteTo(b, &net.UDPAddr{IP: to.Addr().AsSlice(), Port: int(to.Port()), Zone: strconv.Itoa(i.Index)})
	return err
}

// Start begins to receive, in a goroutine. See Receive; the error that ends it goes to giveUp.
func (s *Socket) Start(hear func(b []byte, o Origin), fail, giveUp func(error)) {
	s.reading.Go(func() {
		if err := s.Receive(hear, fail); err != nil {
			giveUp(err)
		}
	})
}

// Close ends Receive too, and waits for the goroutine of Start. It is called once.
func (s *Socket) Close() error {
	close(s.closed)
	defer s.reading.Wait()
	return s.PacketConn.Close()
}

// Receive gives what comes in to hear, until the socket is closed, or cannot be read. What it
// gives is valid until hear returns. Each failure to read goes to fail; the error that ends it is returned. It allocates
// nothing for a datagram.
func (s *Socket) Receive(hear func(b []byte, o Origin), fail func(error)) error {
	b := make([]byte, 1<<16) // room for any datagram: some systems report one that does not fit as an error
	for failures := 0; ; {
		n, origin, err := s.read(b)
		if err == nil {
			failures = 0
			hear(b[:n], origin)
			continue
		}
		select {
		case <-s.closed:
			return nil
		default:
		}
		fail(err)
		if failures++; failures == MaxReadFailures || errors.Is(err, net.ErrClosed) {
			return err
		}
		select {
		case <-time.After(readPause):
		case <-s.closed:
			return nil
		}
	}
}

func (s *Socket) read(b []byte) (n int, o Origin, err error) {
	o.socket = s
	if s.udp == nil {
		n, from, err := s.ReadFrom(b)
		if from, ok := from.(*net.UDPAddr); ok {
			o.Src = from.AddrPort()
		}
		return n, o, err
	}
	n, size, _, src, err := s.udp.ReadMsgUDPAddrPort(b, s.control)
	o.Src, o.control = src, s.control[:size]
	return n, o, err
}

// An Origin is where a datagram came from.
type Origin struct {
	Src netip.AddrPort

	socket  *Socket
	control []byte // what the system says of the datagram
}

// Interface returns the index of the interface on which the datagram came in, 0 if the system did not say, and the address
// that it was sent to, not valid if the system did not say.
func (o Origin) Interface() (index int, dst netip.Addr) {
	if len(o.control) == 0 {
		return 0, netip.Addr{}
	}
	if o.socket.IPv6 {
		var m ipv6.ControlMessage
		_ = m.Parse(o.control) // what cannot be read is not said
		dst, _ = netip.AddrFromSlice(m.Dst)
		return m.IfIndex, dst
	}
	var m ipv4.ControlMessage
	_ = m.Parse(o.control) // the same
	dst, _ = netip.AddrFromSlice(m.Dst.To4())
	return m.IfIndex, dst
}
