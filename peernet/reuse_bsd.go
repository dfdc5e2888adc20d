//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package peernet

import "syscall"

// socket is how the system names a socket.
type socket = int

// reuse are the options by which sockets share a port. SO_REUSEADDR alone shares multicast addresses only.
var reuse = []int{syscall.SO_REUSEADDR, syscall.SO_REUSEPORT}
