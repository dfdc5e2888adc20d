package memnet

import (
	"net"
	"os"
	"syscall"
)

// Close ends the connection. The other end reads what was written before and then io.EOF, unless input had arrived here
// and was not read, or SetLinger(0) was called: then it is reset, and may lose what was written. Closing again returns an
// error that is net.ErrClosed.
func (c *Conn) Close() error {
	over, err := c.close()
	if over {
		c.link.n.forget(c.link)
	}
	return err
}

// discard resets a connection that nobody was given.
func (c *Conn) discard() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func (c *Conn) close() (over bool, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return false, c.opError("close", net.ErrClosed)
	}
	held := !c.crashed
	c.closed = true
	if held {
		c.leave()
	}
	return c.link.over(), nil
}

// leave tells the other end that this one is closed, and wakes those who wait here.
func (c *Conn) leave() {
	switch {
	case c.reset || c.unwritable:
	case c.abort || c.in.ready > 0:
		c.out.reset()
	case !c.finSent:
		c.out.finish()
	}
	c.in.ring.discard(c.in.ready)
	c.in.ready = 0
	c.stop()
}

// stop ends the timers of an end that is gone and wakes those who wait.
func (c *Conn) stop() {
	c.readBy.stop()
	c.writeBy.stop()
	c.wake()
}

func (c *Conn) wake() {
	c.readable.Broadcast()
	c.writable.Broadcast()
}

// CloseWrite ends this direction alone: the other end reads what was written and then io.EOF, and can go on writing.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	switch {
	case c.gone():
		return c.opError("close", net.ErrClosed)
	case c.reset || c.unwritable:
		return c.opError("close", os.NewSyscallError("shutdown", syscall.ENOTCONN))
	case !c.finSent:
		c.finSent = true
		c.out.finish()
		c.wake()
	}
	return nil
}

// broken is the arrival of a reset. A stream that had ended is still read to its end, and only writes fail, with EPIPE;
// otherwise what was not read is lost, and both fail with ECONNRESET.
func (c *Conn) broken() {
	switch {
	case c.gone():
		c.in.lose()
	case c.in.finished:
		c.unwritable = true
		c.in.lose()
		c.out.clear()
		c.wake()
	default:
		c.fail()
	}
}

// fail makes reads and writes fail with ECONNRESET, and drops what was on its way.
func (c *Conn) fail() {
	c.reset = true
	c.in.clear()
	c.out.clear()
	c.wake()
}

// crash takes the end away without a word. What it had sent is lost on the way.
func (c *Conn) crash() {
	c.crashed = true
	c.in.ring.discard(c.in.ready)
	c.in.ready = 0
	c.out.lose()
	c.stop()
}

// gone reports whether nobody holds this end: what arrives is answered with a reset.
func (c *Conn) gone() bool { return c.closed || c.crashed }
