package durable

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrNotRegular is returned for a path that leads to something other than a file. The text says to what.
var ErrNotRegular = errors.New("not a file")

// CheckRegular returns nil if info is that of a regular file, an [ErrNotRegular] if it is not, and err if that is set. The
// two are what a Stat returns. To find out in this way opens nothing: to open a device may do something, and to open a
// pipe may take forever.
func CheckRegular(info fs.FileInfo, err error) error {
	if err != nil || info.Mode().IsRegular() {
		return err
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
