//go:build !windows

package mdns

import "syscall"

// errInUse is what the system says when another program has a port for itself.
const errInUse = syscall.EADDRINUSE

// tellsInterface says whether the system tells on which interface a packet came in, and lets one choose that on which a
// packet goes out.
const tellsInterface = true
