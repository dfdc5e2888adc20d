package memnet

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// A dial is one call of Dial: an end of a connection that is not there yet.
type dial struct {
	host     *Host
	boot     int
	network  string
	src, dst netip.AddrPort
	zone     string // of dst, as it was written
	stream   uint64
	rand     *rand.Rand // that of the direction from the dialler
	linked   bool       // there is a link, and the local port is its own
}

// Dial connects to a listener at an address of this network ("tcp", "tcp4", "tcp6"); it takes one way there and one back
// of the network's delay. It fails with ECONNREFUSED when nobody listens there. While the path is cut, no host has the
// address, the host is down or its listener's queue is full, it waits until that changes or ctx ends. A host whose
// addresses cannot reach that family gets ENETUNREACH. An unspecified address means the host's own loopback. The zone of
// an IPv6 address is kept for RemoteAddr and otherwise ignored. The connection is a [*Conn].
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, zone, err := parse("tcp", network, address)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if to.addr.IsUnspecified() {
		to.addr = to.loopback()
	}
	d := &dial{host: h, network: network, dst: netip.AddrPortFrom(to.addr, to.port), zone: zone}
	if err := d.bind(); err != nil {
		return nil, d.opError(err)
	}
	c, err := d.connect(ctx)
	if err != nil {
		d.unbind()
		return nil, d.opError(err)
	}
	return c, nil
}

// bind chooses the local address and port, and the number of the stream.
func (d *dial) bind() error {
	n := d.host.n
	n.mu.Lock()
	defer n.mu.Unlock()
	n.streams++
	d.stream = n.streams
	d.rand = n.rand(2 * d.stream)
	d.boot = d.host.boot
	if d.host.down {
		return os.NewSyscallError("connect", syscall.ENETDOWN)
	}
	src, ok := d.host.source(d.dst.Addr())
	if !ok {
		return os.NewSyscallError("connect", syscall.ENETUNREACH)
	}
	port, ok := d.host.freePort()
	if !ok {
		return os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)
	}
	d.src = netip.AddrPortFrom(src, port)
	d.host.dialPorts[port] = struct{}{}
	return nil
}

// unbind gives the port back, unless a link does so at its end.
func (d *dial) unbind() {
	d.host.n.mu.Lock()
	defer d.host.n.mu.Unlock()
	if !d.linked {
		delete(d.host.dialPorts, d.src.Port())
	}
}

// connect sends the request until it arrives, and waits for the answer.
func (d *dial) connect(ctx context.Context) (*Conn, error) {
	for {
		if err := d.travel(ctx); err != nil {
			return nil, err
		}
		l, refused, wait, err := d.arrive()
		switch {
		case err != nil:
			return nil, err
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			continue
		}
		if err = d.travel(ctx); err == nil && refused {
			err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
		}
		if err != nil && l != nil {
			l.ends[0].discard()
		}
		if err != nil {
			return nil, err
		}
		return &l.ends[0], nil
	}
}

// travel waits for the time that one packet takes.
func (d *dial) travel(ctx context.Context) error {
	n := d.host.n
	n.mu.Lock()
	to := d.host.owner(d.dst.Addr())
	n.mu.Unlock()
	delay := n.conditions.Load().delay(d.rand, d.host, to)
	if delay == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrive is what happens where the request goes: a connection, a refusal, or nothing until wait is closed.
func (d *dial) arrive() (l *link, refused bool, wait <-chan struct{}, err error) {
	n, h := d.host.n, d.host
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.boot != d.boot {
		return nil, false, nil, os.NewSyscallError("connect", syscall.ENETDOWN)
	}
	to := h.owner(d.dst.Addr())
	if to == nil || !n.open(h, d.src.Addr(), to, d.dst.Addr()) || !n.open(to, d.dst.Addr(), h, d.src.Addr()) {
		return nil, false, n.wait(), nil
	}
	listener := to.listener(d.dst)
	if listener == nil {
		return nil, true, nil, nil
	}
	if len(listener.queue) == backlog {
		return nil, false, n.wait(), nil
	}
	l = n.connect(d, to, listener.bound)
	d.linked = true
	listener.push(&l.ends[1])
	return l, false, nil, nil
}

// addrs returns the addresses as the dialler sees them. n.mu is held.
func (d *dial) addrs() (local, remote *net.TCPAddr) {
	return tcpAddr(d.src, d.host.zone(d.src.Addr()), false), tcpAddr(d.dst, d.zone, false)
}

func (d *dial) opError(err error) error {
	return &net.OpError{Op: "dial", Net: d.network, Addr: tcpAddr(d.dst, d.zone, false), Err: err}
}
