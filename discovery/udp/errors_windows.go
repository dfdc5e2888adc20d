package udp

import "syscall"

// What the system says of a port that it does not give.
const (
	errInUse     = syscall.Errno(10048) // WSAEADDRINUSE; the syscall package's EADDRINUSE is an invention of its own
	errForbidden = syscall.WSAEACCES    // also: another program has the port for itself
)
