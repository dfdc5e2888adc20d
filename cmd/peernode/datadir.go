package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// dataDirVariable names the environment variable that says where the data directory is.
const dataDirVariable = "PEERNODE_DATA_DIR"

// Files of a node in its data directory, as package peernet keeps them.
const (
	identityFile = "identity.pem"
	peersFile    = "peers"
)

// dataDir returns the absolute path of the data directory, whether it is there or not.
func (a *app) dataDir() (string, error) {
	dir := a.dir
	if dir == "" {
		dir = os.Getenv(dataDirVariable)
	}
	if dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return "", &usageError{err, "say where the node keeps its files with --data-dir"}
		}
		dir = filepath.Join(base, "peernode")
	}
	return filepath.Abs(dir)
}

// makeDataDir returns the data directory and makes it if need be, for this user alone. One in which others may put
// files is refused: they would decide who the node is, and whom it trusts.
func (a *app) makeDataDir() (string, error) {
	dir, err := a.dataDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("the data directory: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return "", &hintedError{fmt.Errorf("others may write to the data directory %s", dir),
			"take that from them with: chmod go-w " + shellWord(dir)}
	}
	return dir, nil
}

// accessHint says what to do about err if it is that this user may not use something that it names, and nothing
// otherwise.
func (a *app) accessHint(err error) string {
	named := pathOf(err)
	if named == "" || !errors.Is(err, fs.ErrPermission) {
		return ""
	}
	elsewhere := ""
	if dir, err := a.dataDir(); err == nil && (inside(named, dir) || inside(dir, named)) {
		elsewhere = ", or choose another directory with --data-dir"
	}
	path, info := nearest(named)
	if info == nil {
		return ""
	}
	if owner := otherOwner(info); owner != "" {
		return fmt.Sprintf("%s belongs to %s: run this command as that user%s", shellWord(path), owner, elsewhere)
	}
	mode := "u+rw"
	if info.IsDir() {
		mode = "u+rwx"
	}
	return fmt.Sprintf("let yourself use it with: chmod %s %s%s", mode, shellWord(path), elsewhere)
}

// pathOf returns the path that err is about, or nothing if it names none.
func pathOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Path
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.New
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Net == "unix" && e.Addr != nil {
		return e.Addr.String()
	}
	return ""
}

// inside says whether path is dir or lies in it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// nearest returns path, or the nearest above it that can be looked at, and what it is.
func nearest(path string) (string, fs.FileInfo) {
	for {
		if info, err := os.Lstat(path); err == nil {
			return path, info
		}
		above := filepath.Dir(path)
		if above == path {
			return path, nil
		}
		path = above
	}
}
