//go:build unix

package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
)

const (
	// NonBlock is the flag that makes opening a pipe return at once instead of waiting for its other end. It changes nothing
	// for a file.
	NonBlock = syscall.O_NONBLOCK
	// NoFollow is the flag that makes opening a symbolic link fail.
	NoFollow = syscall.O_NOFOLLOW
)

// rename gives the file at from the name to, replacing what may have it.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w: the file is a mount of its own and cannot be replaced; mount its folder instead", Cause(err))
	}
	return err
}

// keepOwner gives file the owner and the group of the file at path, which it will replace. If no file is there
// yet and root makes it, it belongs to the owner of the folder: a node that runs as that user must be able to use it.
func keepOwner(file *os.File, path string) error {
	old, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) && os.Geteuid() == 0 {
		old, err = os.Stat(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	now, statErr := file.Stat()
	if err := errors.Join(err, statErr); err != nil {
		return err
	}
	was, is := old.Sys().(*syscall.Stat_t), now.Sys().(*syscall.Stat_t)
	if was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	if err := file.Chown(int(was.Uid), int(was.Gid)); err == nil || was.Uid == is.Uid { // a user may keep a file without its group
		return nil
	}
	return fmt.Errorf("%w: run the command as its owner, with sudo -u %s", ErrOwner, nameOf(was.Uid))
}

// otherOwner returns the name of the user that a file belongs to, or "" if it is this user's.
func otherOwner(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return ""
	}
	return nameOf(stat.Uid)
}

// nameOf returns the name of a user. One without a name is written as sudo -u takes it.
func nameOf(uid uint32) string {
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("'#%d'", uid)
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
