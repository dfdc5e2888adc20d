package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
)

// backlog is how many connections wait for Accept; dials beyond it wait, as for a host that does not answer.
const backlog = 1024

// A Listener accepts streams. It is what [Host.Listen] returns.
type Listener struct {
	host    *Host
	network string
	bound   binding
	addr    *net.TCPAddr

	// Guarded by host.n.mu.
	arrived sync.Cond
	queue   []*Conn
	shutBy  shutBy
}

// shutBy tells whether a listener or socket is closed, and by what: the owner's first Close succeeds after a crash too.
type shutBy uint8

const (
	open shutBy = iota
	shutByCrash
	shutByOwner
)

// Listen listens at an address of the host, at all of them if the address has no host ("tcp", "tcp4", "tcp6"); port 0
// is one that is free. It fails with EADDRINUSE, with EADDRNOTAVAIL for an address that the host does not have, with
// ENETDOWN on a crashed host, and when ctx has ended. An IPv6 address's zone is ignored. The listener is a [*Listener].
func (h *Host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	bound, _, err := parse("tcp", network, address)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	l := &Listener{host: h, network: network}
	l.arrived.L = &h.n.mu
	inUse := func(o *Listener) bool { return o.bound.overlaps(bound) }
	switch {
	case h.down:
		err = syscall.ENETDOWN
	case !bound.addr.IsUnspecified() && !h.holds(bound.addr):
		err = syscall.EADDRNOTAVAIL
	case bound.port == 0:
		var ok bool
		if bound.port, ok = h.freePort(); !ok {
			err = syscall.EADDRINUSE
		}
	case slices.ContainsFunc(h.listeners, inUse):
		err = syscall.EADDRINUSE
	}
	l.bound = bound
	l.addr = tcpAddr(netip.AddrPortFrom(bound.addr, bound.port), h.zone(bound.addr), false)
	if err != nil {
		return nil, l.opError("listen", os.NewSyscallError("bind", err))
	}
	h.listeners = append(h.listeners, l)
	return l, nil
}

// listener returns who accepts connections to an address and port of h, nil if nobody does. n.mu is held.
func (h *Host) listener(to netip.AddrPort) *Listener {
	i := slices.IndexFunc(h.listeners, func(l *Listener) bool { return l.bound.serves(to) })
	if i < 0 {
		return nil
	}
	return h.listeners[i]
}

// push queues a connection. n.mu is held.
func (l *Listener) push(c *Conn) {
	l.queue = append(l.queue, c)
	l.arrived.Signal()
}

// Accept waits for a connection and returns this end of it, a [*Conn]. After Close it returns an error that is
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	n := l.host.n
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(l.queue) == 0 && l.shutBy == open {
		l.arrived.Wait()
	}
	if l.shutBy != open {
		return nil, l.opError("accept", net.ErrClosed)
	}
	c := l.queue[0]
	if len(l.queue) == backlog {
		n.wakeDials()
	}
	l.queue = slices.Delete(l.queue, 0, 1)
	return c, nil
}

// Close stops listening; a waiting Accept returns. Connections that were not accepted are reset. Closing again returns an
// error that is net.ErrClosed.
func (l *Listener) Close() error {
	queue, err := l.close()
	for _, c := range queue {
		c.discard()
	}
	return err
}

func (l *Listener) close() ([]*Conn, error) {
	n := l.host.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.shutBy == shutByOwner {
		return nil, l.opError("close", net.ErrClosed)
	}
	if i := slices.Index(l.host.listeners, l); i >= 0 {
		l.host.listeners = slices.Delete(l.host.listeners, i, i+1)
	}
	n.wakeDials()
	return l.shut(shutByOwner), nil
}

// shut ends Accept and returns the connections that nobody will accept. n.mu is held.
func (l *Listener) shut(by shutBy) []*Conn {
	queue := l.queue
	l.queue, l.shutBy = nil, by
	l.arrived.Broadcast()
	return queue
}

// Addr returns the address that it listens at, a *net.TCPAddr; [::] stands for all addresses of both families.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: l.network, Addr: l.addr, Err: err}
}
