//go:build unix

package control

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// openFlags make opening a pipe return at once instead of waiting for its other end, and opening a symbolic link fail.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// handOver gives a file that root has made to the owner of its folder.
func handOver(file *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := os.Stat(filepath.Dir(file.Name()))
	if err != nil {
		return err
	}
	owner := folder.Sys().(*syscall.Stat_t)
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

// listen binds path so that only this user can connect at any moment, whatever the umask and the mode of the directory.
// The socket is made in a directory that only this user may enter. It gets its mode there. Then it is moved into place,
// over a socket that a killed node left.
func listen(path string) (l *net.UnixListener, err error) {
	private := filepath.Join(filepath.Dir(path), ".control")
	if err := os.RemoveAll(private); err != nil {
		return nil, err
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)

	draft := filepath.Join(private, "s")
	if l, err = listenAt(draft); err != nil {
		return nil, err
	}
	if err = os.Chmod(draft, 0o600); err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
