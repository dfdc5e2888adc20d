package memnet

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Bounds of what waits in a socket for ReadFrom. What comes while one is reached is dropped, as the system does.
const (
	queueDatagrams = 256
	queueBytes     = 256 << 10
)

// maxDatagram is the largest payload of a UDP datagram over IPv4.
const maxDatagram = 65507

// A PacketConn is a datagram socket. It is what [Host.ListenPacket] returns; those who need multicast groups ask for the
// methods.
type PacketConn struct {
	host    *Host
	network string
	bound   binding
	addr    *net.UDPAddr
	source  netip.Addr // the host's address that it is bound to, what it sends comes from it; zero: none

	// Guarded by host.n.mu.
	shutBy shutBy
	groups map[membership]struct{}
	rand   *rand.Rand // delays

	mu      sync.Mutex // guards what follows
	arrived sync.Cond
	queue   []datagram
	queued  int  // bytes in queue
	closed  bool // shutBy is not open
	readBy  deadline
	writeBy deadline
}

// A datagram is what waits for ReadFrom. Those who receive it share the payload, and nobody changes it.
type datagram struct {
	payload []byte
	from    *net.UDPAddr
}

// ListenPacket opens a datagram socket ("udp", "udp4", "udp6") on an address of the host, on all of them if the address
// has no host; a broadcast or multicast address serves for what is sent to that. Several sockets may share a port: each
// gets a copy of a broadcast or multicast, and the one bound to the very address, else the one opened last, a unicast. It
// fails as [Host.Listen] does, but for EADDRINUSE. The socket is a [*PacketConn].
func (h *Host) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	bound, _, err := parse("udp", network, address)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	switch {
	case h.down:
		err = syscall.ENETDOWN
	case !h.mayBind(bound.addr):
		err = syscall.EADDRNOTAVAIL
	case bound.port == 0:
		var ok bool
		if bound.port, ok = h.freePort(); !ok {
			err = syscall.EADDRINUSE
		}
	}
	h.n.sockets++
	p := &PacketConn{
		host:    h,
		network: network,
		bound:   bound,
		addr:    udpAddr(netip.AddrPortFrom(bound.addr, bound.port), h.zone(bound.addr), false),
		groups:  make(map[membership]struct{}),
		rand:    h.n.rand(1<<63 | h.n.sockets),
	}
	p.arrived.L = &p.mu
	p.readBy.wakes, p.writeBy.wakes = &p.arrived, &p.arrived
	if err != nil {
		return nil, p.opError("listen", nil, os.NewSyscallError("bind", err))
	}
	if h.holds(bound.addr) {
		p.source = bound.addr
	}
	h.packets = append(h.packets, p)
	return p, nil
}

// mayBind reports whether a datagram socket of h may have this address. n.mu is held.
func (h *Host) mayBind(a netip.Addr) bool {
	_, onLink := h.broadcastLink(a)
	return a.IsUnspecified() || a.IsMulticast() || a == limitedBroadcast || onLink || h.holds(a)
}

// ReadFrom waits for a datagram and returns its size and its sender, a *net.UDPAddr. What does not fit into b is lost.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed:
			return 0, nil, p.opError("read", nil, net.ErrClosed)
		case p.readBy.past():
			return 0, nil, p.opError("read", nil, os.ErrDeadlineExceeded)
		case len(p.queue) > 0:
			d := p.queue[0]
			p.queue = slices.Delete(p.queue, 0, 1)
			p.queued -= len(d.payload)
			return copy(b, d.payload), d.from, nil
		}
		p.arrived.Wait()
	}
}

// WriteTo sends b, at most 65,507 bytes (EMSGSIZE), to a *net.UDPAddr and never waits. It fails with ENETUNREACH when the
// host has no address to send from, and EAFNOSUPPORT for an address of a family that the socket does not serve. The
// limited broadcast and a multicast go out on the link of the address that the socket is bound to, else on the one that
// the address's zone names, else on the host's first.
func (p *PacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if err := p.writeError(); err != nil {
		return 0, p.opError("write", addr, err)
	}
	to, ok := addr.(*net.UDPAddr)
	switch {
	case !ok || to == nil:
		return 0, p.opError("write", addr, &net.AddrError{Err: "not a UDP address"})
	case len(b) > maxDatagram:
		return 0, p.opError("write", addr, os.NewSyscallError("sendto", syscall.EMSGSIZE))
	}
	dst := to.AddrPort()
	dst = netip.AddrPortFrom(dst.Addr().Unmap().WithZone(""), dst.Port())
	src, flights, err := p.route(dst, to.Zone)
	if err != nil {
		return 0, p.opError("write", addr, err)
	}
	payload := slices.Clone(b)
	c := p.host.n.conditions.Load()
	if c.loss > 0 {
		p.host.n.mu.Lock()
		flights = slices.DeleteFunc(flights, func(flight) bool { return p.rand.Float64() < c.loss })
		p.host.n.mu.Unlock()
	}
	if f := c.tamper; f != nil {
		f(src, dst, 0, 0, payload)
	}
	for _, f := range flights {
		f.launch(payload)
	}
	return len(b), nil
}

func (p *PacketConn) writeError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return net.ErrClosed
	case p.writeBy.past():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// enqueue gives a datagram to ReadFrom, and reports whether there was room.
func (p *PacketConn) enqueue(d datagram) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.queue) == queueDatagrams || p.queued+len(d.payload) > queueBytes {
		return false
	}
	p.queue = append(p.queue, d)
	p.queued += len(d.payload)
	p.arrived.Signal()
	return true
}

// Close closes the socket; a waiting ReadFrom returns. Closing again returns an error that is net.ErrClosed.
func (p *PacketConn) Close() error {
	h := p.host
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if p.shutBy == shutByOwner {
		return p.opError("close", nil, net.ErrClosed)
	}
	if i := slices.Index(h.packets, p); i >= 0 {
		h.packets = slices.Delete(h.packets, i, i+1)
	}
	p.shut(shutByOwner)
	return nil
}

// shut drops what waits and wakes those who wait. n.mu is held.
func (p *PacketConn) shut(by shutBy) {
	p.shutBy = by
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.queue, p.queued = nil, 0
	p.readBy.stop()
	p.writeBy.stop()
	p.arrived.Broadcast()
}

// LocalAddr returns the address that the socket is bound to, a *net.UDPAddr.
func (p *PacketConn) LocalAddr() net.Addr { return p.addr }

// SetDeadline sets both deadlines.
func (p *PacketConn) SetDeadline(t time.Time) error { return p.setDeadlines(t, &p.readBy, &p.writeBy) }

// SetReadDeadline sets when ReadFrom, a waiting one too, fails with os.ErrDeadlineExceeded; zero: never.
func (p *PacketConn) SetReadDeadline(t time.Time) error { return p.setDeadlines(t, &p.readBy) }

// SetWriteDeadline sets when WriteTo fails with os.ErrDeadlineExceeded; zero: never.
func (p *PacketConn) SetWriteDeadline(t time.Time) error { return p.setDeadlines(t, &p.writeBy) }

func (p *PacketConn) setDeadlines(t time.Time, ds ...*deadline) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return p.opError("set", nil, net.ErrClosed)
	}
	for _, d := range ds {
		d.set(t)
	}
	return nil
}

func (p *PacketConn) opError(op string, to net.Addr, err error) error {
	return &net.OpError{Op: op, Net: p.network, Source: p.addr, Addr: to, Err: err}
}
