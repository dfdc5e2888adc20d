//go:build unix

package control

import (
	"errors"
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
