//go:build unix && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package peernet

import "syscall"

// socket is how the system names a socket.
type socket = int

// reuse are the options by which sockets share a port. SO_REUSEPORT is left out: it shares only if all sockets have it.
var reuse = []int{syscall.SO_REUSEADDR}
