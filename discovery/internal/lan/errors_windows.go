package lan

import "syscall"

// What the system says of a port that it does not give.
const (
	ErrInUse     = syscall.Errno(10048) // WSAEADDRINUSE; the syscall package's EADDRINUSE is an invention of its own
	ErrForbidden = syscall.WSAEACCES    // also: another program has the port for itself
)
