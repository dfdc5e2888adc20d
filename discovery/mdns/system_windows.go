package mdns

import "syscall"

// errInUse is WSAEADDRINUSE, what the system says when another program has a port for itself; the syscall package's
// EADDRINUSE is an invention of its own.
const errInUse = syscall.Errno(10048)

// tellsInterface says whether the system tells on which interface a packet came in, and lets one choose that on which a
// packet goes out: not through golang.org/x/net.
const tellsInterface = false
