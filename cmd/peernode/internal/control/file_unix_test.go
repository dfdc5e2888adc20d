//go:build unix

package control

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestPipesInTheWayDoNotBlock(t *testing.T) {
	for _, name := range []string{lockName, socketName} {
		dir := tempDir(t)
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Skip(err)
		}
		if err := start(dir); !errors.Is(err, ErrFileKind) {
			t.Errorf("%s: a node: got %v", name, err)
		}
		if name != lockName {
			if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); !errors.Is(err, ErrFileKind) {
				t.Errorf("%s: a command: got %v", name, err)
			}
		}
	}
}

func TestFilesMadeByRootBelongToTheFoldersOwner(t *testing.T) {
	const user = 12345
	dir := t.TempDir()
	if os.Geteuid() != 0 || os.Chown(dir, user, user) != nil {
		t.Skip("only root makes files for others")
	}
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	info, err := os.Stat(filepath.Join(dir, lockName))
	if err != nil {
		t.Fatal(err)
	}
	if stat := info.Sys().(*syscall.Stat_t); stat.Uid != user || stat.Gid != user || info.Mode() != 0o600 {
		t.Errorf("the lock belongs to %d:%d with mode %v", stat.Uid, stat.Gid, info.Mode())
	}
}
