//go:build unix

package tunnel

import (
	"io"
	"syscall"
)

// resetOf returns the error of a socket that its other end has reset, without reading from it.
func resetOf(local Local) error {
	return peek(local, func(fd int) error {
		errno, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
		if err == nil && errno != 0 {
			err = syscall.Errno(errno)
		}
		return err
	})
}

// goneOf is resetOf for a socket that was never read. One whose other end has ended its direction without a byte has gone too: io.EOF.
func goneOf(local Local) error {
	if err := resetOf(local); err != nil {
		return err
	}
	return peek(local, func(fd int) error {
		n, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR || n > 0:
			return nil
		case err == nil:
			return io.EOF
		}
		return err
	})
}

// peek does something with the descriptor of a Local, if it has one.
func peek(local Local, do func(fd int) error) error {
	c, ok := local.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
