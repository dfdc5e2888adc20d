// Package durable reads and writes the small files that a node must not lose. A file is whole at any time, also when
// the power fails or several processes write at once.
//
// [Replace] puts new content in the place of old, [CheckReplace] tells whether it could, and [Create] makes a file that must not exist yet. [Read] reads one
// back; a pipe or a device in its place does not block it. [CheckRegular] tells such a thing from a file. A reader in
// any process sees the old content or the new, never a part of either.
//
// All functions are safe for concurrent use. None takes a lock: two processes that read, change and replace the same
// file need a lock of their own, or the later one overwrites what the earlier one wrote.
//
// Callers name the file in their errors; [Cause] leaves out the system's own way to do so.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrOwner is returned by [Replace] for a file of another user, who would lose it, and by [MakeFolder]. The text says how to
// run the command.
var ErrOwner = errors.New("the file belongs to another user")

// Replace writes data to the file at path, in place of any that exists. The file gets exactly the permissions of mode,
// whatever the process's umask, and the owner of the old one. A new file that root makes belongs to the folder's owner.
//
// The data goes to a temporary file in the same folder, which must exist, and is synced to the disk. The temporary file
// takes the name of path; then the folder is synced. After an error the file at path is the old one or the new one, but
// whole, and the temporary file is gone. If path is a symbolic link, the link itself is replaced and not the file that
// it points to.
func Replace(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(path, data, mode)
	if err != nil {
		return err
	}
	if err := rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// CheckReplace returns why Replace of the file at path by that number of bytes would fail, as far as that can be told before: it writes
// and syncs a temporary file, and removes it.
func CheckReplace(path string, size int) error {
	temp, err := writeTemp(path, make([]byte, size), 0o600)
	if err != nil {
		return err
	}
	return os.Remove(temp)
}

// Create writes data to a new file at path. The file gets exactly the permissions of mode, whatever the process's
// umask.
//
// It fails with [fs.ErrExist] if anything has the name of path already, even a symbolic link that leads nowhere, and
// leaves it as it is. If several processes create the same path at once, one succeeds. The folder must exist. Otherwise
// its promises are those of [Replace].
//
// Where the folder's file system has no hard links (FAT, some network shares), a reader may see a part of the file
// while it is written, and a crash may leave that part behind.
func Create(path string, data []byte, mode fs.FileMode) error {
	return create(path, data, mode, os.Link)
}

// create does the work of Create. A link takes its name in one step and fails if the name is taken, which a rename does
// not. Tests pass a link that fails as a file system without links does.
func create(path string, data []byte, mode fs.FileMode, link func(from, to string) error) error {
	temp, err := writeTemp(path, data, mode)
	if err != nil {
		return err
	}
	err = link(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = createInPlace(path, data, mode)
	}
	if err := errors.Join(err, os.Remove(temp)); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// createInPlace writes the file under its own name, for file systems without hard links.
func createInPlace(path string, data []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return fill(file, path, data, mode)
}

// writeTemp writes data to a new file beside path, synced and with the permissions of mode, and returns its name. After
// an error there is no such file.
func writeTemp(path string, data []byte, mode fs.FileMode) (name string, err error) {
	// CreateTemp gives the file mode 0600, so a secret in it is never readable by others, not even for a moment.
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp*")
	if err != nil {
		return "", err
	}
	return file.Name(), fill(file, path, data, mode)
}

// fill writes data to a new file for path, gives it the owner of the old one and the permissions of mode, syncs it and
// closes it. After an error it removes the file.
func fill(file *os.File, path string, data []byte, mode fs.FileMode) error {
	_, err := file.Write(data)
	if err == nil {
		err = keepOwner(file, path)
	}
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// Cause returns err without the system call and the path in its text, with which the system's errors begin. It is for
// errors that people read: the caller names the file. The system's error stays in the chain.
func Cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return cause{err, e.Err}
	case *os.LinkError:
		return cause{err, e.Err}
	}
	return err
}

// A cause is a system's error with the text of what it wraps.
type cause struct{ err, inner error }

func (c cause) Error() string { return c.inner.Error() }
func (c cause) Unwrap() error { return c.err }
