//go:build unix

package control

import (
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
