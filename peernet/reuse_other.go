//go:build unix && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package peernet

import "syscall"

// reuse are the options that sockets share a port by. SO_REUSEPORT is left out: only sockets that all have it share.
var reuse = []int{syscall.SO_REUSEADDR}
