package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular is returned for a path that leads to something else than a file. The error is a [*KindError].
var ErrNotRegular = errors.New("not a regular file")

// A KindError names a path that leads to something else than a file, and says to what. It is an [ErrNotRegular].
type KindError struct {
	Path string
	Kind string // with its article: "a folder", "a named pipe", "a socket", "a device"
}

// Error returns the path and both kinds.
func (e *KindError) Error() string {
	return fmt.Sprintf("%s: %v: it is %s", e.Path, ErrNotRegular, e.Kind)
}

// Unwrap returns [ErrNotRegular].
func (e *KindError) Unwrap() error { return ErrNotRegular }

// CheckRegular returns nil if path leads to a regular file or if there is nothing, a [*KindError] if it leads to something
// else, and the system's error if that cannot be found out. Nothing is opened: to open a device may do something, to
// open a pipe may take for ever. Symbolic links are followed.
func CheckRegular(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err // names the path
	}
	return CheckInfo(path, info)
}

// CheckInfo returns nil if info is that of a regular file, and else a [*KindError] for path.
func CheckInfo(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &KindError{path, kind(info.Mode())}
}

// kind says what has this mode.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of another kind"
}
