package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/text"
)

// AccessAdvice says what to do about err if the system denies this user a file that err names. Otherwise it returns "".
func (d Dir) AccessAdvice(err error) string {
	named := pathOf(err)
	if named == "" || !errors.Is(err, fs.ErrPermission) {
		return ""
	}
	elsewhere := ""
	if dir, err := d.Path(); err == nil && (inside(named, dir) || inside(dir, named)) {
		elsewhere = ", or choose another directory with --data-dir"
	}
	path, info := nearest(named)
	if info == nil {
		return ""
	}
	if owner := otherOwner(info); owner != "" {
		return fmt.Sprintf("%s belongs to %s: run this command as that user%s", text.ShellWord(path), owner, elsewhere)
	}
	mode := "u+rw"
	if info.IsDir() {
		mode = "u+rwx"
	}
	return fmt.Sprintf("let yourself use it with: chmod %s %s%s", mode, text.ShellWord(path), elsewhere)
}

// pathOf returns the path that err names, or "".
func pathOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Path
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.New
	}
	return ""
}

// inside says whether path is dir or lies in it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// nearest returns path, or the nearest path above it that this user may look at, with its description.
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
