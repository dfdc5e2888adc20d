//go:build unix

package control

import "syscall"

// nonBlock makes opening a pipe return at once instead of waiting for its other end.
const nonBlock = syscall.O_NONBLOCK
