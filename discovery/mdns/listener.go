package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

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
	// maxWaiting is how many messages wait to be looked at. Behind them packets wait in the sockets, and are dropped there.
	maxWaiting = 64

	// socketBuffer is the room for packets that is asked for: all nodes of a link may answer one question at once.
	socketBuffer = 1 << 20
)

// A heard is a message and the index of the interface on which it came in.
type heard struct {
	index   int
	message message
}

// A listener hears everything that is said by multicast DNS on some interfaces, in sockets of its own beside those of
// other programs. It seldom says something itself.
type listener struct {
	ipv4, ipv6 bool // the families that it hears; at least one

	heard  chan heard
	failed chan error // has room for one: a socket has failed
	quit   chan struct{}
	conns  []net.PacketConn
	mouths []mouth
	join   sync.WaitGroup
}

// A mouth is a socket to say something with, on some interfaces.
type mouth struct {
	receiver
	using []discovery.Interface
}

// listen opens a listener. It fails if neither family can be had.
func listen(ctx context.Context, self discovery.Self, using []discovery.Interface) (*listener, error) {
	l := &listener{heard: make(chan heard, maxWaiting), failed: make(chan error, 1), quit: make(chan struct{})}
	groups := [][]discovery.Interface{using}
	if !tellsInterface { // the socket tells instead
		groups = slices.Collect(slices.Chunk(using, 1))
	}
	var failures [2]error
	for _, group := range groups {
		for n, open := range []func(net.PacketConn, []discovery.Interface) (receiver, error){open4, open6} {
			conn, err := self.ListenPacket(ctx, [...]string{"udp4", "udp6"}[n], [...]string{"224.0.0.251:5353", "[ff02::fb]:5353"}[n])
			var r receiver
			if err == nil {
				l.conns = append(l.conns, conn)
				r, err = open(conn, group)
			}
			if err != nil {
				failures[n] = err
				continue
			}
			l.ipv4, l.ipv6 = l.ipv4 || n == 0, l.ipv6 || n == 1
			l.mouths = append(l.mouths, mouth{r, group})
			l.join.Go(func() { l.read(r, group) })
		}
	}
	if !l.ipv4 && !l.ipv6 {
		l.close()
		return nil, fmt.Errorf("%w; over IPv6: %w", failures[0], failures[1])
	}
	return l, nil
}

// say multicasts a packet on each interface and over each family, or loses it, as the network does. It is not for two
// goroutines at once.
func (l *listener) say(b []byte) {
	for _, m := range l.mouths {
		for _, i := range system(m.using) {
			_ = m.send(b, &i) // over this family nothing may be said there
		}
	}
}

// close ends the listener and waits until nothing of it is left.
func (l *listener) close() {
	close(l.quit)
	for _, c := range l.conns {
		_ = c.Close() // nothing is lost
	}
	l.join.Wait()
}

// read reads one socket, which hears on some interfaces, until it is closed.
func (l *listener) read(r receiver, using []discovery.Interface) {
	buf := make([]byte, 1<<16) // room for what is too long, which some systems report as an error otherwise
	for {
		n, o, err := r.receive(buf)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				select {
				case l.failed <- err:
				default:
				}
			}
			return
		}
		index, ok := o.link(using)
		if !ok {
			continue
		}
		m, ok := parse(buf[:n])
		if !ok {
			continue
		}
		select {
		case l.heard <- heard{index, m}:
		case <-l.quit:
			return
		}
	}
}

// An origin is where a packet came from.
type origin struct {
	src   netip.AddrPort
	index int        // of the interface; 0: the system does not say
	dst   netip.Addr // not valid: the system does not say
}

// link returns the index of the interface among using on which a packet came in. It reports false for one that did not
// come by multicast from a machine on its link: RFC 6762 §11.
func (o origin) link(using []discovery.Interface) (int, bool) {
	if o.src.Port() != port {
		return 0, false
	}
	if o.index == 0 {
		_, near := dialled(using[0], o.src.Addr().Unmap().WithZone(""))
		return using[0].Index, near
	}
	ours := slices.ContainsFunc(using, func(i discovery.Interface) bool { return i.Index == o.index })
	return o.index, ours && (o.dst == group4 || o.dst == group6)
}

// A receiver is a socket of one family, which also sends.
type receiver interface {
	receive(b []byte) (int, origin, error)

	// send multicasts b on an interface.
	send(b []byte, on *net.Interface) error
}

// open4 makes conn hear the IPv4 group on those interfaces that can, at least one.
func open4(conn net.PacketConn, using []discovery.Interface) (receiver, error) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, ErrNetwork
	}
	p := ipv4.NewPacketConn(udp)
	if err := joinAll(using, func(i *net.Interface) error { return p.JoinGroup(i, &net.UDPAddr{IP: group4.AsSlice()}) }); err != nil {
		return nil, err
	}
	_ = udp.SetReadBuffer(socketBuffer) // as much as the system allows
	return receiver4{p}, control(p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true))
}

// open6 is open4 for IPv6.
func open6(conn net.PacketConn, using []discovery.Interface) (receiver, error) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, ErrNetwork
	}
	p := ipv6.NewPacketConn(udp)
	if err := joinAll(using, func(i *net.Interface) error { return p.JoinGroup(i, &net.UDPAddr{IP: group6.AsSlice()}) }); err != nil {
		return nil, err
	}
	_ = udp.SetReadBuffer(socketBuffer) // as much as the system allows
	return receiver6{p}, control(p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true))
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

type receiver4 struct{ *ipv4.PacketConn }

func (r receiver4) receive(b []byte) (int, origin, error) {
	n, m, src, err := r.ReadFrom(b)
	o := origin{src: addrPort(src)}
	if m != nil {
		o.index = m.IfIndex
		o.dst, _ = netip.AddrFromSlice(m.Dst.To4())
	}
	return n, o, err
}

func (r receiver4) send(b []byte, on *net.Interface) error {
	if err := r.SetMulticastInterface(on); err != nil {
		return err
	}
	_, err := r.WriteTo(b, nil, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
	return err
}

type receiver6 struct{ *ipv6.PacketConn }

func (r receiver6) receive(b []byte) (int, origin, error) {
	n, m, src, err := r.ReadFrom(b)
	o := origin{src: addrPort(src)}
	if m != nil {
		o.index = m.IfIndex
		o.dst, _ = netip.AddrFromSlice(m.Dst)
	}
	return n, o, err
}

func (r receiver6) send(b []byte, on *net.Interface) error {
	if err := r.SetMulticastInterface(on); err != nil {
		return err
	}
	_, err := r.WriteTo(b, nil, &net.UDPAddr{IP: group6.AsSlice(), Port: port})
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}
