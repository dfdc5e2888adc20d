package memnet

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// limitedBroadcast reaches every host on a link.
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// A flight is one datagram on its way to one socket.
type flight struct {
	to       *PacketConn
	sender   *Host
	src, dst netip.Addr // of the hosts: dst is the receiver's own address, also for a broadcast
	from     *net.UDPAddr
	delay    time.Duration
}

// route finds the address that a datagram of p leaves from, and the sockets it goes to: what is lost at the start is
// counted and left out.
func (p *PacketConn) route(dst netip.AddrPort, zone string) (src netip.AddrPort, flights []flight, err error) {
	h := p.host
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	to := dst.Addr()
	switch {
	case p.shutBy != open:
		return src, nil, net.ErrClosed
	case to.Is4() && !p.bound.v4, !to.Is4() && !p.bound.v6:
		return src, nil, os.NewSyscallError("sendto", syscall.EAFNOSUPPORT)
	case to == netip.IPv4Unspecified():
		to = loopbacks[0].Addr()
	case to == netip.IPv6Unspecified():
		to = loopbacks[1].Addr()
	}
	dst = netip.AddrPortFrom(to, dst.Port())
	if to.IsMulticast() || to == limitedBroadcast {
		link, there := p.outgoing(to, zone)
		if !there {
			return src, nil, os.NewSyscallError("sendto", syscall.ENETUNREACH)
		}
		src, flights = p.flood(link, dst)
		return src, flights, nil
	}
	if link, there := h.broadcastLink(to); there {
		src, flights = p.flood(link, dst)
		return src, flights, nil
	}
	return p.unicast(dst)
}

// broadcastLink returns the link whose directed broadcast address this is, if h is on one. n.mu is held.
func (h *Host) broadcastLink(a netip.Addr) (netip.Prefix, bool) {
	if !a.Is4() {
		return netip.Prefix{}, false
	}
	link := subnet(a)
	_, there := h.on(link)
	return link, there && broadcast(link) == a
}

// outgoing returns the link on which p sends to a limited broadcast or a group. n.mu is held.
func (p *PacketConn) outgoing(to netip.Addr, zone string) (netip.Prefix, bool) {
	if p.source.IsValid() {
		return subnet(p.source), true
	}
	return p.host.link(zone, to.Is4())
}

// flood sends to every socket on a link that takes what is sent to dst, those of p's own host and p itself too. n.mu is
// held.
func (p *PacketConn) flood(link netip.Prefix, dst netip.AddrPort) (src netip.AddrPort, flights []flight) {
	h := p.host
	own, _ := h.on(link)
	src = netip.AddrPortFrom(cmp.Or(p.source, own), p.bound.port)
	for _, receiver := range h.n.hosts {
		at, there := receiver.on(link)
		if !there || link.Addr().IsLoopback() && receiver != h {
			continue
		}
		for _, socket := range receiver.packets {
			_, member := socket.groups[membership{link, dst.Addr()}]
			if socket.bound.serves(dst) && (member || !dst.Addr().IsMulticast()) {
				flights = p.add(flights, socket, src, at)
			}
		}
	}
	return src, flights
}

// unicast sends to the one socket that dst belongs to. n.mu is held.
func (p *PacketConn) unicast(dst netip.AddrPort) (src netip.AddrPort, flights []flight, err error) {
	own, ok := p.host.source(dst.Addr())
	if !ok {
		return src, nil, os.NewSyscallError("sendto", syscall.ENETUNREACH)
	}
	src = netip.AddrPortFrom(cmp.Or(p.source, own), p.bound.port)
	var best *PacketConn
	if receiver := p.host.owner(dst.Addr()); receiver != nil {
		for _, socket := range receiver.packets {
			exact := socket.bound.addr == dst.Addr()
			if socket.bound.serves(dst) && (best == nil || exact || best.bound.addr.IsUnspecified()) {
				best = socket
			}
		}
	}
	if best == nil {
		p.host.n.dropped.Add(1)
		return src, nil, nil
	}
	return src, p.add(nil, best, src, dst.Addr()), nil
}

// add adds a flight to a socket, or counts its loss if the path is cut. n.mu is held.
func (p *PacketConn) add(flights []flight, to *PacketConn, src netip.AddrPort, at netip.Addr) []flight {
	f := flight{
		to:     to,
		sender: p.host,
		src:    src.Addr(),
		dst:    at,
		from:   udpAddr(src, to.host.zone(src.Addr()), to.bound.dual()),
		delay:  p.host.n.conditions.Load().delay(p.rand, p.host, to.host),
	}
	if !f.open() {
		p.host.n.dropped.Add(1)
		return flights
	}
	return append(flights, f)
}

// open reports whether the path is. n.mu is held.
func (f flight) open() bool {
	return f.sender.n.open(f.sender, f.src, f.to.host, f.dst)
}

// launch delivers the payload, at once or when it has travelled. Nobody changes the payload any more.
func (f flight) launch(payload []byte) {
	if f.delay == 0 {
		f.land(payload)
		return
	}
	time.AfterFunc(f.delay, func() {
		n := f.sender.n
		n.mu.Lock()
		open := f.open()
		n.mu.Unlock()
		if !open {
			n.dropped.Add(1)
			return
		}
		f.land(payload)
	})
}

func (f flight) land(payload []byte) {
	n := f.sender.n
	if f.to.enqueue(datagram{payload, f.from}) {
		n.datagrams.Add(1)
	} else {
		n.dropped.Add(1)
	}
}
