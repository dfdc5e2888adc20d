//go:build unix

package control

import "syscall"

// openFlags make opening a pipe return at once instead of waiting for its other end, and opening a symbolic link fail.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOFOLLOW
