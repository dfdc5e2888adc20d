package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// maxWaiting is how many messages wait to be looked at. Behind them packets wait in the sockets, and are dropped there.
const maxWaiting = 64

// A heard is a message and the index of the interface on which it came in.
type heard struct {
	index   int
	message message
}

// A listener hears everything that is said by multicast DNS on some interfaces, in sockets of its own beside those of
// other programs, and speaks there. send is safe for concurrent use.
type listener struct {
	ipv4, ipv6 bool // the families that it hears; at least one

	heard    chan heard
	failed   chan error // has room for one: a socket has failed
	quit     chan struct{}
	counters *counters
	reader   reader
	sockets  []*socket
	conns    []net.PacketConn
	join     sync.WaitGroup
}

// listen opens the sockets of a listener. It fails if neither family can be had. Nothing is heard before begin.
func listen(ctx context.Context, self discovery.Self, using []discovery.Interface, c *counters) (*listener, error) {
	l := &listener{heard: make(chan heard, maxWaiting), failed: make(chan error, 1), quit: make(chan struct{}),
		counters: c, reader: readerOf(self.Key)}
	groups := [][]discovery.Interface{using}
	if !tellsInterface { // the socket tells instead
		groups = slices.Collect(slices.Chunk(using, 1))
	}
	var failures [2]error
	for _, group := range groups {
		for n, open := range []func(net.PacketConn, []discovery.Interface) (*socket, error){open4, open6} {
			conn, err := self.ListenPacket(ctx, [...]string{"udp4", "udp6"}[n], [...]string{"224.0.0.251:5353", "[ff02::fb]:5353"}[n])
			var s *socket
			if err == nil {
				l.conns = append(l.conns, conn)
				s, err = open(conn, group)
			}
			if err != nil {
				failures[n] = err
				continue
			}
			l.ipv4, l.ipv6 = l.ipv4 || n == 0, l.ipv6 || n == 1
			l.sockets = append(l.sockets, s)
		}
	}
	if !l.ipv4 && !l.ipv6 {
		l.close()
		return nil, fmt.Errorf("%w; over IPv6: %w", failures[0], failures[1])
	}
	return l, nil
}

// begin begins to hear. ask is called with queries for the node's records, from several goroutines, until close has
// returned, and must not wait; nil: they are not read.
func (l *listener) begin(ask func(index int, q query)) {
	for _, s := range l.sockets {
		l.join.Go(func() { l.read(s, ask) })
	}
}

// send sends a packet on an interface, in each family that it has. What fails is counted.
func (l *listener) send(index int, b []byte) {
	for _, s := range l.sockets {
		switch sent, err := s.send(b, index); {
		case err != nil:
			l.counters.fail(&l.counters.sendErrors, err)
		case sent:
			l.counters.sent.Add(1)
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

// read reads one socket until it is closed.
func (l *listener) read(s *socket, ask func(index int, q query)) {
	buf := make([]byte, 1<<16) // room for what is too long, which some systems report as an error otherwise
	for {
		n, o, err := s.receive(buf)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.counters.fail(&l.counters.otherErrors, err)
				select {
				case l.failed <- err:
				default:
				}
			}
			return
		}
		if !l.take(buf[:n], o, s.using, ask) {
			return
		}
	}
}

// take takes a packet. It reports false at the end.
func (l *listener) take(b []byte, o origin, using []discovery.Interface, ask func(index int, q query)) bool {
	on, ok := o.link(using)
	if !ok {
		l.counters.offLink.Add(1)
		return true
	}
	if !isResponse(b) {
		l.takeQuery(b, o, on, ask)
		return true
	}
	m, err := parse(b)
	if err != nil {
		l.counters.dropped(err)
		return true
	}
	l.counters.heard.Add(1)
	select {
	case l.heard <- heard{on.Index, m}:
		return true
	case <-l.quit:
		return false
	}
}

func (l *listener) takeQuery(b []byte, o origin, on discovery.Interface, ask func(index int, q query)) {
	if ask == nil {
		l.counters.foreign.Add(1)
		return
	}
	if !o.near(on) {
		l.counters.offLink.Add(1)
		return
	}
	q, err := l.reader.query(b)
	if err != nil {
		l.counters.dropped(err)
		return
	}
	ask(on.Index, q)
}

// An origin is where a packet came from.
type origin struct {
	src   netip.AddrPort
	index int        // of the interface; 0: the system does not say
	dst   netip.Addr // not valid: the system does not say
}

// link returns the interface among using on which a packet came in. It reports false for one that did not come by multicast
// from port 5353 of a machine on its link: RFC 6762 §11. So nothing that comes from a resolver of another kind (§6.7), or
// was sent to us alone (§5.5), is heard.
func (o origin) link(using []discovery.Interface) (discovery.Interface, bool) {
	if o.src.Port() != port {
		return discovery.Interface{}, false
	}
	if o.index == 0 {
		return using[0], o.near(using[0])
	}
	at := slices.IndexFunc(using, func(i discovery.Interface) bool { return i.Index == o.index })
	if at < 0 || o.dst != group4 && o.dst != group6 {
		return discovery.Interface{}, false
	}
	return using[at], true
}

// near reports whether the source is on a subnet of an interface, or link-local. Who is not gets no answer, although a
// packet to the group can only come from the link.
func (o origin) near(on discovery.Interface) bool {
	src := o.src.Addr().Unmap().WithZone("")
	_, ok := dialled(on, src)
	return ok || src.Is4() && src.IsLinkLocalUnicast()
}
