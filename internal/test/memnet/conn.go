package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is one end of a stream. It is what [Host.Dial] and a listener's Accept return; those who need more than net.Conn
// ask for the methods, as they would of a [*net.TCPConn].
//
// Its errors are those of the system: ECONNRESET after a reset, EPIPE for a write that nobody can read, each in a
// [*net.OpError].
type Conn struct {
	link          *link
	host          *Host
	addr          netip.AddrPort // this end's, without zone, IPv4 as IPv4
	local, remote *net.TCPAddr
	in, out       *pipe

	// Guarded by link.mu.
	readable, writable sync.Cond
	readBy, writeBy    deadline
	writing            bool // a Write has its turn
	abort              bool // SetLinger(0): Close resets
	finSent            bool
	reset, unwritable  bool // by the other end: see broken
	crashed, closed    bool
}

func (c *Conn) init(l *link, h *Host, addr netip.AddrPort, in, out *pipe) {
	c.link, c.host, c.addr, c.in, c.out = l, h, addr, in, out
	c.readable.L, c.writable.L = &l.mu, &l.mu
	c.readBy.wakes, c.writeBy.wakes = &c.readable, &c.writable
}

// Read reads what has arrived, at least a byte unless b is empty. After the other end's last byte it returns io.EOF. Under
// trickle it returns at most a chunk.
func (c *Conn) Read(b []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for {
		switch {
		case c.gone():
			return 0, c.opError("read", net.ErrClosed)
		case len(b) == 0:
			return 0, nil
		case c.readBy.past():
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case c.in.ready > 0:
			return c.in.read(b), nil
		case c.reset:
			return 0, c.opError("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case c.in.finished:
			return 0, io.EOF
		}
		c.readable.Wait()
	}
}

// Write writes all of b, waiting while 64 KiB are on their way or not read at the other end. Concurrent Writes go one
// after the other. That it returns without an error says nothing about arrival.
func (c *Conn) Write(b []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for c.writing && c.writeError() == nil {
		c.writable.Wait()
	}
	if err := c.writeError(); err != nil {
		return 0, c.opError("write", err)
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.writable.Broadcast()
	}()
	for n := 0; n < len(b); {
		if err := c.writeError(); err != nil {
			return n, c.opError("write", err)
		}
		room := c.out.room()
		if room == 0 {
			c.writable.Wait()
			continue
		}
		piece := c.tampered(b[n:][:min(room, len(b)-n)])
		if c.writeError() == nil {
			c.out.send(piece)
			n += len(piece)
		}
	}
	return len(b), nil
}

// writeError returns why nothing can be written now, nil if it can.
func (c *Conn) writeError() error {
	switch {
	case c.gone():
		return net.ErrClosed
	case c.writeBy.past():
		return os.ErrDeadlineExceeded
	case c.reset:
		return os.NewSyscallError("write", syscall.ECONNRESET)
	case c.unwritable || c.finSent:
		return os.NewSyscallError("write", syscall.EPIPE)
	}
	return nil
}

// tampered returns b as the network's TamperFunc leaves it. The link's lock is not held while that runs, but this Write
// has its turn.
func (c *Conn) tampered(b []byte) []byte {
	f := c.out.conditions().tamper
	if f == nil {
		return b
	}
	b = append([]byte(nil), b...)
	offset := c.out.sent
	c.link.mu.Unlock()
	defer c.link.mu.Lock()
	f(c.addr, c.out.to.addr, c.link.stream, offset, b)
	return b
}

// LocalAddr returns this end's address, a *net.TCPAddr. On a connection that a listener on both families accepted, IPv4
// addresses have 16 bytes, as the system shows them.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address, in the form of LocalAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy, &c.writeBy) }

// SetReadDeadline sets when reads, waiting ones too, fail with os.ErrDeadlineExceeded; zero: never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy) }

// SetWriteDeadline does for writes what SetReadDeadline does for reads. A write may have written a part.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeBy) }

func (c *Conn) setDeadlines(t time.Time, ds ...*deadline) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.gone() {
		return c.opError("set", net.ErrClosed)
	}
	for _, d := range ds {
		d.set(t)
	}
	return nil
}

// SetLinger with 0 makes Close reset the connection instead of ending it; any other value ends that.
func (c *Conn) SetLinger(sec int) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.gone() {
		return c.opError("set", net.ErrClosed)
	}
	c.abort = sec == 0
	return nil
}

// SetUnsentLimit makes writes wait while more than that number of bytes have not left yet, as TCP_NOTSENT_LOWAT does: it has an effect
// under a rate. 0 or less ends it.
func (c *Conn) SetUnsentLimit(bytes int) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.out.unsentLimit = max(bytes, 0)
	c.writable.Broadcast()
}

// SetNoDelay does nothing: what is written is never held back.
func (c *Conn) SetNoDelay(bool) error { return nil }

// SetKeepAlive does nothing: a silent connection stays as it is.
func (c *Conn) SetKeepAlive(bool) error { return nil }

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
