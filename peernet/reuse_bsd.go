//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package peernet

import "syscall"

// reuse are the options that sockets share a port by. SO_REUSEADDR alone shares multicast addresses only.
var reuse = []int{syscall.SO_REUSEADDR, syscall.SO_REUSEPORT}
