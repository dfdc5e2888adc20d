package durable

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MakeFolder makes the folder at path and those above it that are missing, for this user alone. Root makes none in the folder
// of another user, who could not use it: that is an [ErrOwner].
func MakeFolder(path string) error {
	if above, owner := foreignFolder(path); owner != "" {
		return fmt.Errorf("%w: what root makes in %s would belong to root: run the command as its owner, with sudo -u %s", ErrOwner, above, owner)
	}
	return os.MkdirAll(path, 0o700)
}

// foreignFolder returns the folder in which root would have to make path, and its owner, if that is another user. Otherwise
// owner is "".
func foreignFolder(path string) (above, owner string) {
	above, info := nearest(path)
	if above == path || info == nil || os.Geteuid() != 0 {
		return above, ""
	}
	return above, otherOwner(info)
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
