package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

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
