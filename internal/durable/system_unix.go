//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// NonBlock is the flag that makes opening a pipe return at once instead of waiting for its other end. It changes nothing
// for a file.
const NonBlock = syscall.O_NONBLOCK

// rename gives the file at from the name to, replacing what may have it.
func rename(from, to string) error {
	return os.Rename(from, to)
}

// syncFolder makes the names in a folder last. A file system that cannot sync a folder is not an error: it offers
// nothing better.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
