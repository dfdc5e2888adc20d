package peernet

import (
	"os"
	"syscall"
)

// sharePort lets several sockets of the machine be bound to one address, each of which gets every broadcast and
// multicast. It is net.ListenConfig's Control.
func sharePort(_, _ string, c syscall.RawConn) error {
	var failure error
	err := c.Control(func(fd uintptr) {
		failure = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	})
	if err != nil {
		return err
	}
	return failure
}
