package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files in a data directory.
const (
	socketName  = "control.sock" // the socket
	pointerName = "control.path" // where the socket is, when its path would be too long here
	lockName    = "node.lock"    // locked while a node runs
)

// maxPath is how long the path of a Unix socket may be: sun_path of the systems that descend from BSD, less its terminating
// zero. Others have room for a few bytes more.
const maxPath = 103

// place decides where the control socket of the data directory dir goes. Where the path would be too long it
// makes a private directory under temp, which the caller removes with the socket, and private is true.
func place(dir, temp string) (path string, private bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, err
	}
	if path = filepath.Join(dir, socketName); len(path) <= maxPath {
		return path, false, nil
	}
	short, err := os.MkdirTemp(temp, "peernode-") // mode 0700
	if err != nil {
		return "", false, err
	}
	if path = filepath.Join(short, socketName); len(path) > maxPath {
		return "", false, errors.Join(ErrPathTooLong, os.Remove(short))
	}
	return path, true, nil
}

// find returns where a node that runs on the data directory dir listens. It is the path the node wrote down,
// or else the one in the directory itself. The error is ErrFileKind if what should say so is no file.
func find(dir string) (string, error) {
	text, err := readFile(filepath.Join(dir, pointerName), maxPointer)
	switch path := strings.TrimSpace(string(text)); {
	case err == nil && filepath.IsAbs(path):
		return path, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	return filepath.Join(dir, socketName), nil
}

// point writes down that the socket of the data directory dir is at path.
func point(dir, path string) error {
	final := filepath.Join(dir, pointerName)
	draft := final + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a node that was killed
		return err
	}
	f, err := create(draft)
	if err != nil {
		return err
	}
	_, err = f.WriteString(path + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, final)
}

// sweep removes what a node that was killed left behind, and nothing else: anything else in the way is an
// ErrFileKind. The caller holds the lock of dir.
func sweep(dir string) error {
	old, err := find(dir)
	if err != nil {
		return err
	}
	if err := checkSocket(filepath.Join(dir, socketName)); err != nil {
		return err
	}
	if checkSocket(old) == nil {
		os.Remove(old)
	}
	if filepath.Base(old) == socketName && strings.HasPrefix(filepath.Base(filepath.Dir(old)), "peernode-") {
		os.Remove(filepath.Dir(old)) // does nothing unless it is empty now
	}
	os.Remove(filepath.Join(dir, pointerName))
	return nil
}
