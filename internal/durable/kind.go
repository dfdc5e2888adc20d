package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular is returned for a path that leads to something other than a file. The text says to what.
var ErrNotRegular = errors.New("not a file")

// CheckRegular returns nil if path leads to a regular file or if nothing is there. It returns an [ErrNotRegular] if
// path leads to something else, and the system's error if that cannot be found out. CheckRegular opens nothing: to open
// a device may do something, and to open a pipe may take forever. It follows symbolic links.
func CheckRegular(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return CheckInfo(info)
}

// CheckInfo returns nil if info is that of a regular file, and otherwise an [ErrNotRegular].
func CheckInfo(info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("it is %s, %w", kind(info.Mode()), ErrNotRegular)
}

// kind names, with an article, what has this mode. It is not for regular files.
func kind(mode fs.FileMode) string {
	switch {
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
