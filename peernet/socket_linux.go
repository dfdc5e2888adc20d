package peernet

import (
	"math"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-f6ddb928/peernet-go/internal/session"
)

// unsentBytes is how much the system keeps of a session's writes that the connection cannot carry yet, until the session knows
// how fast the connection is: see limitUnsent. Without a bound that is several megabytes, and a pong waits behind all of it.
const unsentBytes = session.FirstUnsent

// socketOptions sets TCP_USER_TIMEOUT, so that data which is not acknowledged within timeout ends the connection
// (docs/wire.md §7.2), and TCP_NOTSENT_LOWAT, so that urgent envelopes overtake bulk before the system has it (§6.6).
// Connections that a listening socket accepts inherit both. If the system refuses, the session's own deadlines hold all
// the same.
func socketOptions(timeout time.Duration) func(network, address string, c syscall.RawConn) error {
	ms := int(min(max(timeout.Milliseconds(), 1), math.MaxInt32))
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
		})
	}
}

// limitUnsent changes how much the system keeps of what c cannot carry yet.
func limitUnsent(c net.Conn, bytes int) {
	if !setOption(c, unix.TCP_NOTSENT_LOWAT, bytes) {
		limitUnsentInMemory(c, bytes)
	}
}

// awaitUnsent waits until the system keeps less of what c cannot carry yet than limitUnsent has said. TCP_NOTSENT_LOWAT alone does not
// see to that: a write is added to the last packet that waits, of up to 64 KiB, whatever waits already. A program that asks whether the
// connection is writable is told the truth.
func awaitUnsent(c net.Conn) error {
	tcp, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0)
		return n > 0 || err != nil // if it has failed, Write tells
	})
}

// allowStall takes TCP_USER_TIMEOUT back. The system would end a connection also to a peer that is alive and takes nothing for that
// long.
func allowStall(c net.Conn) { setOption(c, unix.TCP_USER_TIMEOUT, 0) }

// setOption sets an option of TCP. It returns false if c is no connection of the system's.
func setOption(c net.Conn, option, value int) bool {
	tcp, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, option, value)
		})
	}
	return true
}
