package control

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxPointer bounds what is read of a pointer file: more than any path to a socket has.
const maxPointer = 4 << 10

// create makes an empty file at path, for this user alone. It never opens what somebody else put there. What root makes
// belongs to the owner of its folder, who could not use it otherwise.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := handOver(f); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return f, nil
}

// checkFile returns nil if a regular file is at path or nothing, and else an ErrFileKind. Nothing is opened: a pipe would
// hold the command up, and to open a device may do something. Links are not followed: root would write where they lead.
func checkFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err // names the path
	}
	return checkInfo(path, info)
}

// checkInfo returns nil if info is that of a regular file, and else an ErrFileKind.
func checkInfo(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%w: %s is %s, not a file", ErrFileKind, path, kind(info.Mode()))
}

// checkSocket returns nil if there is a socket at path or nothing, and else an ErrFileKind.
func checkSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err // names the path
	case info.Mode()&(fs.ModeSocket|fs.ModeSymlink|fs.ModeIrregular) == 0: // Windows has had other names for a socket
		return fmt.Errorf("%w: %s is %s, not a socket", ErrFileKind, path, kind(info.Mode()))
	}
	return nil
}

// kind says what has this mode.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something of another kind"
}

// readFile returns the beginning of the file at path, at most limit bytes. What is no file is an ErrFileKind, at once.
func readFile(path string, limit int64) ([]byte, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = checkInfo(path, info) // something else may have taken its place
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
