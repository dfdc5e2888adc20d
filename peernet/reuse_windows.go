package peernet

import "syscall"

// socket is how the system names a socket.
type socket = syscall.Handle

// reuse are the options by which sockets share a port.
var reuse = []int{syscall.SO_REUSEADDR}
