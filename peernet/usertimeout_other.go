//go:build !linux

package peernet

import (
	"syscall"
	"time"
)

// userTimeout does nothing: there is no TCP_USER_TIMEOUT.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
