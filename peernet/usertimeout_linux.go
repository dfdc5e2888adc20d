package peernet

import (
	"math"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall does not name.
const tcpUserTimeout = 0x12

// userTimeout sets TCP_USER_TIMEOUT (docs/wire.md §7.2): what has been sent and is not acknowledged for that long ends
// the connection. Connections that a listening socket accepts inherit it. A system that refuses goes without: the
// session's own deadlines hold all the same.
func userTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	ms := int(min(max(d.Milliseconds(), 1), math.MaxInt32))
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, ms)
		})
	}
}
