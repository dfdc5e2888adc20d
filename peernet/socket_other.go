//go:build !linux

package peernet

import (
	"net"
	"syscall"
	"time"
)

// socketOptions does nothing: the options that it sets on Linux are missing here, or mean something else.
func socketOptions(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }

// allowStall does nothing: no connection has the option that it clears on Linux.
func allowStall(net.Conn) {}

// awaitUnsent does nothing: nobody knows what is kept of c.
func awaitUnsent(net.Conn) error { return nil }

// limitUnsent changes how much is kept of what c cannot carry yet, where a network in memory lets it.
func limitUnsent(c net.Conn, bytes int) { limitUnsentInMemory(c, bytes) }
