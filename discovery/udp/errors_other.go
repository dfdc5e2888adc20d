//go:build !windows

package udp

import (
	"io/fs"
	"syscall"
)

// What the system says of a port that it does not give.
var (
	errInUse     = syscall.EADDRINUSE
	errForbidden = fs.ErrPermission // EACCES and EPERM
)
