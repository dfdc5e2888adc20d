//go:build !linux

package peernet

import (
	"syscall"
	"time"
)

// socketOptions does nothing: the options that it sets on Linux are missing here, or mean something else.
func socketOptions(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
