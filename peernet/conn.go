package peernet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-f6ddb928/peernet-go/envelope"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// An Addr is an end of a net.Conn of Node.Dial or Node.Listen: a node, which is known by its key.
type Addr struct{ Key identity.PublicKey }

// Network returns "peernet".
func (Addr) Network() string { return "peernet" }

// String returns the key as text.
func (a Addr) String() string { return a.Key.String() }

// chunk is the most bytes of one value of a byte stream: its envelope then is not cut into parts (wire.md §6.10).
const chunk = session.MostWhole

// A conn is a stream of bytes as a net.Conn.
type conn struct {
	end           *streamEnd
	local, remote Addr
	release       func() // ends the stream, once
	isClosed      atomic.Bool

	reading sync.Mutex // held while reading; guards value and rest
	value   session.Value
	rest    []byte     // of the value, which was received last
	writing sync.Mutex // held while writing, so that the bytes of two writes do not mix

	readBy, writeBy deadline
}

// Dial opens a stream of bytes to a peer that listens under that name, and returns once the listener has accepted it. It is a call in
// all but its values; ctx bounds the dial alone. ErrNoHandler says that nobody listens; the other errors are those of OpenStream.
//
// The net.Conn is safe for concurrent use, and has CloseWrite as a *net.TCPConn does. Its RemoteAddr is an Addr: the peer's
// proved key. 64 KiB may arrive ahead of a reader at the beginning, and up to 4 MiB where it keeps up. Read returns io.EOF when the
// other end has closed its end or its direction, and the reason when the link is lost; a link that is replaced (Timing.Rotate) is not lost.
func (n *Node) Dial(ctx context.Context, key identity.PublicKey, name string, opts ...CallOption) (net.Conn, error) {
	o := Outgoing{Peer: key, Name: name, options: optionsOf(opts)}
	if o.options.window == 0 {
		o.options.window = byteWindow
	}
	end, err := n.openStream(ctx, o, true)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: Addr{}.Network(), Source: Addr{n.self}, Addr: Addr{key}, Err: err}
	}
	return n.newConn(end, end.s.Leave), nil
}

func (n *Node) newConn(end *streamEnd, release func()) *conn {
	c := &conn{end: end, local: Addr{n.self}, remote: Addr{end.peer}, release: release}
	c.readBy.init()
	c.writeBy.init()
	end.s.ReleasesValues()
	return c
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (n int, err error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		if err := c.check("read", &c.readBy); err != nil || len(b) == 0 {
			return 0, err
		}
		if len(c.rest) > 0 {
			n = copy(b, c.rest)
			if c.rest = c.rest[n:]; len(c.rest) == 0 {
				c.value.Release()
			}
			return n, nil
		}
		value, err := c.end.s.RecvValue(c.readBy.context())
		if err == nil {
			c.value = value
			c.rest, err = envelope.NewRaw(envelope.Msgpack, value.Bytes()).Binary()
		}
		if err != nil {
			return 0, c.fault("read", err)
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.check("write", &c.writeBy); err != nil {
		return 0, err
	}
	most := min(chunk, session.MostBinary(c.end.s.Takes()))
	for err == nil && len(b) > 0 {
		part := b[:min(len(b), max(1, most))]
		if err = c.end.s.Send(c.writeBy.context(), part); err == nil {
			n, b = n+len(part), b[len(part):]
		}
	}
	return n, c.fault("write", err)
}

// check returns why an operation cannot begin.
func (c *conn) check(op string, by *deadline) error {
	if c.isClosed.Load() {
		return c.fault(op, net.ErrClosed)
	}
	return c.fault(op, by.context().Err())
}

// fault returns the error of an operation as a net.Conn does.
func (c *conn) fault(op string, err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case c.isClosed.Load():
		err = net.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, ErrLinkLost):
		err = os.ErrDeadlineExceeded
	default:
		err = c.end.explain(err)
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// CloseWrite ends the direction in which this end writes: the other end reads io.EOF behind what was written. It waits for a Write that is
// under way, at most until the write deadline.
func (c *conn) CloseWrite() error {
	if c.isClosed.Load() {
		return c.fault("close", net.ErrClosed)
	}
	return c.fault("close", c.end.s.CloseSend(c.writeBy.context()))
}

// Close implements net.Conn. What was written still reaches the other end; what was not read is dropped. It does not block.
func (c *conn) Close() error {
	if c.isClosed.Swap(true) {
		return c.fault("close", net.ErrClosed)
	}
	c.readBy.set(time.Time{})
	c.writeBy.set(time.Time{})
	c.release()
	return nil
}

// LocalAddr implements net.Conn: the Addr of this node.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn: the Addr of the peer.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.readBy, t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writeBy, t) }

func (c *conn) setDeadline(d *deadline, t time.Time) error {
	if c.isClosed.Load() {
		return c.fault("set", net.ErrClosed)
	}
	d.set(t)
	return nil
}
