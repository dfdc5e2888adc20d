// Package durable reads and writes the small files that a node must not lose: whole or not at all, also when the
// power fails or several processes write at once.
//
// [Replace] puts new content in the place of old, [Create] makes a file that must not be there yet, [Read] reads one
// back without being held up by what is not a file, and [CheckRegular] says beforehand that it is not. A reader in any
// process sees the old content or the new, never a part of either.
//
// All functions are safe for concurrent use. None takes a lock: two processes that read, change and replace the same
// file need one of their own, or the later replaces what the earlier wrote.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes data to the file at path with exactly the permissions of mode, whatever the process's umask, and in
// place of what may be there.
//
// The data goes to a temporary file in the same folder, which must exist, is synced to the disk, and takes the name of
// path; then the folder is synced. After an error the file at path is the old one or the new one, but whole, and the
// temporary file is gone. The new file belongs to whoever runs this process. If path is a symbolic link, the link
// itself is replaced and not what it points to.
func Replace(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(path, data, mode)
	if err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	if err := rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("replacing %s: %w", path, err), os.Remove(temp))
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	return nil
}

// Create writes data to a new file at path with exactly the permissions of mode, whatever the process's umask.
//
// It fails with [fs.ErrExist] if anything has the name of path already, a symbolic link that leads nowhere included,
// and leaves it as it is. Of several processes that create the same path at once, one succeeds. The folder must exist.
// Otherwise its promises are those of [Replace].
//
// Where the folder's file system has no hard links (FAT, some network shares), a reader may see a part of the file
// while it is written, and a crash may leave that part behind.
func Create(path string, data []byte, mode fs.FileMode) error {
	if err := create(path, data, mode, os.Link); err != nil {
		return fmt.Errorf("creating %s: %w", path, err)
	}
	return nil
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
	if err := fill(file, data, mode); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeTemp writes data to a new file beside path, synced and with the permissions of mode, and returns its name. After
// an error there is no such file.
func writeTemp(path string, data []byte, mode fs.FileMode) (name string, err error) {
	// CreateTemp gives the file mode 0600, so a secret in it is never readable by others, not even for a moment.
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp*")
	if err != nil {
		return "", err
	}
	if err := fill(file, data, mode); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// fill writes data to file, gives it the permissions of mode, syncs it and closes it, also after an error.
func fill(file *os.File, data []byte, mode fs.FileMode) error {
	_, err := file.Write(data)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
