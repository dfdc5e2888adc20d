//go:build unix

package tunnel

import "syscall"

// resetOf returns the error of a socket that its other end has reset, without reading from it.
func resetOf(local Local) error {
	c, ok := local.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var errno int
	var failed error
	err = raw.Control(func(fd uintptr) { errno, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR) })
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case errno != 0:
		return syscall.Errno(errno)
	}
	return nil
}
