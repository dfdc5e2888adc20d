//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package peernet

import "syscall"

// reuse are the options by which sockets share a port. SO_REUSEADDR alone shares multicast addresses only.
var reuse = []int{syscall.SO_REUSEADDR, syscall.SO_REUSEPORT}
