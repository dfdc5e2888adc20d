package mdns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// port is that of multicast DNS, for packets that come and that go: RFC 6762 §11.
const port = 5353

// The groups that multicast DNS goes to.
var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	group6 = netip.MustParseAddr("ff02::fb")
)

const (
	// hops is what packets are sent with, so that a receiver can see that no router was on their way: RFC 6762 §11.
	hops = 255

	// socketBuffer is the room for packets that is asked for: all nodes of a LAN may answer one question at once.
	socketBuffer = 1 << 20

	// maxWaiting is how many messages wait to be looked at. Behind them packets wait in the sockets, and are dropped there.
	maxWaiting = 64

	// maxAskers bounds the queries that wait to be looked at. Others are dropped and counted.
	maxAskers = 64
)

var errOneInterface = errors.New("the system does not say on which interface packets come in")

// A heard is a message and the interface on which it came in.
type heard struct {
	on      discovery.Interface
	message message
}

// An asked is a query and the index of the interface on which it came in.
type asked struct {
	index int
	query query
}

// A socket hears and speaks in one family, on some interfaces.
type socket struct {
	*lan.Socket
	group netip.Addr
	using []discovery.Interface
}

// open opens a socket that hears the group of a family on those interfaces that can, at least one, and speaks on them.
func open(ctx context.Context, self discovery.Self, ipv6 bool, using []discovery.Interface) (*socket, error) {
	network, group := "udp4", group4
	if ipv6 {
		network, group = "udp6", group6
	}
	conn, err := lan.Listen(ctx, self, network, netip.AddrPortFrom(group, port).String())
	if err != nil {
		return nil, err
	}
	s := &socket{conn, group, using}
	if err := s.prepare(); err != nil {
		_ = s.Close() // nothing is lost
		return nil, err
	}
	return s, nil
}

func (s *socket) prepare() error {
	switch {
	case !s.IsSystem():
		return ErrNetwork
	case len(s.using) > 1 && !s.TellsInterface():
		return errOneInterface
	}
	if errs := s.Join(s.using, s.group); len(errs) == len(s.using) {
		return errs[0]
	}
	return s.SetMulticast(hops, socketBuffer)
}

// A listener hears everything that is said by multicast DNS on some interfaces, in sockets of its own beside those of
// other programs, and speaks there.
type listener struct {
	heard    chan heard
	asked    chan asked // nil: queries are not read
	failed   chan error // has room for one: a socket has failed
	quit     chan struct{}
	counters *counters
	reader   reader
	sockets  []*socket // at least one
	join     sync.WaitGroup
}

// listen begins to listen. It fails if neither family can be had.
func listen(ctx context.Context, self discovery.Self, using []discovery.Interface, c *counters) (*listener, error) {
	l := &listener{heard: make(chan heard, maxWaiting), failed: make(chan error, 1), quit: make(chan struct{}),
		counters: c, reader: readerOf(self.Key)}
	if announces(self, using) {
		l.asked = make(chan asked, maxAskers)
	}
	groups := [][]discovery.Interface{using}
	if runtime.GOOS == "windows" { // the socket tells on which interface a packet came in: the system does not
		groups = slices.Collect(slices.Chunk(using, 1))
	}
	var failures []error
	for _, group := range groups {
		for _, ipv6 := range []bool{false, true} {
			s, err := open(ctx, self, ipv6, group)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			l.sockets = append(l.sockets, s)
			l.join.Go(func() { l.read(s) })
		}
	}
	if len(l.sockets) == 0 {
		return nil, fmt.Errorf("%w; over IPv6: %w", failures[0], failures[1])
	}
	return l, nil
}

// send sends a packet on an interface, in each family that it has. What fails is counted.
func (l *listener) send(index int, b []byte) {
	for _, s := range l.sockets {
		at := slices.IndexFunc(s.using, func(i discovery.Interface) bool { return i.Index == index })
		if at < 0 || !lan.Has(s.using[at], s.IPv6) {
			continue
		}
		_ = s.SetWriteDeadline(time.Now().Add(lan.SendWithin)) // if it fails, so does sending
		if err := s.Send(b, netip.AddrPortFrom(s.group, port), s.using[at], netip.Addr{}); err != nil {
			l.counters.Count(func(s *Stats) { s.SendErrors, s.LastError = s.SendErrors+1, err })
		} else {
			l.counters.Count(func(s *Stats) { s.Sent++ })
		}
	}
}

// close ends the listener and waits until nothing of it is left.
func (l *listener) close() {
	close(l.quit)
	for _, s := range l.sockets {
		_ = s.Close() // nothing is lost
	}
	l.join.Wait()
}

// read reads one socket until it is closed, or cannot be read.
func (l *listener) read(s *socket) {
	room := make([]byte, 1<<16) // for packets that are too long, which some systems report as an error otherwise
	err := s.Receive(room, func(b []byte, o lan.Origin) {
		index, dst := o.Interface()
		l.take(b, origin{o.Src, index, dst}, s.using)
	}, func(err error) {
		l.counters.Count(func(s *Stats) { s.OtherErrors, s.LastError = s.OtherErrors+1, err })
	})
	if err != nil {
		l.fail(listenError(err))
	}
}

// fail tells that the listener cannot be used any more.
func (l *listener) fail(err error) {
	select {
	case l.failed <- err:
	default: // it is known
	}
}

// take takes a packet.
func (l *listener) take(b []byte, o origin, using []discovery.Interface) {
	on, ok := o.on(using)
	if !ok {
		l.counters.Count(func(s *Stats) { s.OffLink++ })
		return
	}
	packet, err := unpack(b)
	switch {
	case err != nil:
		l.counters.Count(func(s *Stats) { s.Junk++ })
	case packet.Response:
		l.takeMessage(on, messageIn(packet))
	case l.asked != nil && !o.isNear(on):
		l.counters.Count(func(s *Stats) { s.OffLink++ })
	default:
		l.takeQuery(on, l.reader.queryIn(packet))
	}
}

func (l *listener) takeMessage(on discovery.Interface, m message) {
	if m.isEmpty() {
		l.counters.Count(func(s *Stats) { s.Foreign++ })
		return
	}
	l.counters.Count(func(s *Stats) { s.Heard++ })
	select {
	case l.heard <- heard{on, m}:
	case <-l.quit:
	}
}

func (l *listener) takeQuery(on discovery.Interface, q query) {
	if l.asked == nil || q.kinds == 0 {
		l.counters.Count(func(s *Stats) { s.Foreign++ })
		return
	}
	l.counters.Count(func(s *Stats) { s.Asked++ })
	select {
	case l.asked <- asked{on.Index, q}:
	default:
		l.counters.Count(func(s *Stats) { s.Excess++ })
	}
}

// An origin is where a packet came from.
type origin struct {
	src   netip.AddrPort
	index int        // of the interface; 0: the system does not say
	dst   netip.Addr // not valid: the system does not say
}

// on returns the interface among using on which a packet came in. It reports false for a packet that did not come by
// multicast from port 5353 of a machine on its LAN: RFC 6762 §11. So packets of other kinds of resolvers (§6.7), and packets
// sent to us alone (§5.5), are not heard.
func (o origin) on(using []discovery.Interface) (discovery.Interface, bool) {
	if o.src.Port() != port {
		return discovery.Interface{}, false
	}
	if o.index == 0 {
		return using[0], o.isNear(using[0])
	}
	at := slices.IndexFunc(using, func(i discovery.Interface) bool { return i.Index == o.index })
	if at < 0 || o.dst != group4 && o.dst != group6 {
		return discovery.Interface{}, false
	}
	return using[at], true
}

// isNear reports whether the source is on a subnet of an interface, or link-local. Others get no answer, although a packet
// to the group can only come from the LAN.
func (o origin) isNear(on discovery.Interface) bool {
	src := o.src.Addr().Unmap()
	_, ok := lan.AddressOn(on, src)
	return ok || src.Is4() && src.IsLinkLocalUnicast()
}
