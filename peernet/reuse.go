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
		for _, option := range reuse {
			if e := syscall.SetsockoptInt(socket(fd), syscall.SOL_SOCKET, option, 1); e != nil {
				failure = os.NewSyscallError("setsockopt", e)
			}
		}
	})
	if err != nil {
		return err
	}
	return failure
}
