package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A fileKind is what the node keeps at a path.
type fileKind struct {
	name    string
	matches func(fs.FileMode) bool
}

// What the node keeps in a data directory. Windows has had other names for a socket.
var (
	regularFile = fileKind{"a file", fs.FileMode.IsRegular}
	socketFile  = fileKind{"a socket", func(m fs.FileMode) bool { return m&(fs.ModeSocket|fs.ModeSymlink|fs.ModeIrregular) != 0 }}
)

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

// check returns nil if a file of this kind is at path or nothing is, and otherwise an ErrFileKind. It opens nothing:
// opening a pipe would hold the command up, and opening a device may do something. It does not follow links: root would
// write where they lead.
func (k fileKind) check(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err // names the path
	}
	return k.checkInfo(path, info)
}

// checkInfo returns nil if info, of what is at path, is that of a file of this kind, and otherwise an ErrFileKind.
func (k fileKind) checkInfo(path string, info fs.FileInfo) error {
	if k.matches(info.Mode()) {
		return nil
	}
	return fmt.Errorf("%w: %s is %s, not %s", ErrFileKind, path, kindOf(info.Mode()), k.name)
}

// kindOf says what has this mode.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return regularFile.name
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return socketFile.name
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something of another kind"
}
