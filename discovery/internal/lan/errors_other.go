//go:build !windows

package lan

import (
	"io/fs"
	"syscall"
)

// What the system says of a port that it does not give.
var (
	ErrInUse     = syscall.EADDRINUSE // another program has the port for itself
	ErrForbidden = fs.ErrPermission   // EACCES and EPERM
)
