package control

import (
	"net"
	"syscall"
)

// peerUser returns the user id of the process at the other end, as it was when it connected or listened.
func peerUser(c net.Conn) (uid int, known bool, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false, nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, false, err
	}
	if credErr != nil {
		return 0, false, credErr
	}
	return int(cred.Uid), true, nil
}
