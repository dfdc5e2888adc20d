//go:build !linux

package peernet

import (
	"syscall"
	"time"
)

// socketOptions does nothing: what it sets on Linux is not there, or not the same.
func socketOptions(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
