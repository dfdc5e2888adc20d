package mdns

import (
	"net/netip"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/discovery"
	"github.com/seed-f6ddb928/peernet-go/discovery/internal/lan"
)

// A heard is a message or a query, and the interface on which it came in.
type heard struct {
	on      discovery.Interface
	message message
	query   query
}

// read begins to read one socket.
func (n *network) read(s *socket) {
	s.Start(func(b []byte, o lan.Origin) {
		index, dst := o.Interface()
		n.take(b, origin{o.Src, index, dst}, s.using)
	}, func(err error) {
		n.counters.Count(func(s *Stats) { s.OtherErrors, s.LastError = s.OtherErrors+1, err })
	}, func(err error) { n.fail(listenError(err)) })
}

// take takes a packet.
func (n *network) take(b []byte, o origin, using []discovery.Interface) {
	on, ok := o.on(using)
	if !ok {
		n.counters.Count(func(s *Stats) { s.OffLink++ })
		return
	}
	packet, err := unpack(b)
	switch {
	case err != nil:
		n.counters.Count(func(s *Stats) { s.Junk++ })
	case packet.Response:
		n.takeMessage(on, messageIn(packet))
	case !o.isNear(on):
		n.counters.Count(func(s *Stats) { s.OffLink++ })
	default:
		n.takeQuery(on, n.names.queryIn(packet))
	}
}

func (n *network) takeMessage(on discovery.Interface, m message) {
	if m.isEmpty() {
		n.counters.Count(func(s *Stats) { s.Foreign++ })
		return
	}
	n.counters.Count(func(s *Stats) { s.Heard++ })
	select {
	case n.heard <- heard{on: on, message: m}:
	case <-n.ctx.Done():
	}
}

func (n *network) takeQuery(on discovery.Interface, q query) {
	if q.kinds == 0 {
		n.counters.Count(func(s *Stats) { s.Foreign++ })
		return
	}
	n.counters.Count(func(s *Stats) { s.Asked++ })
	select {
	case n.heard <- heard{on: on, query: q}:
	default:
		n.counters.Count(func(s *Stats) { s.Excess++ })
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
