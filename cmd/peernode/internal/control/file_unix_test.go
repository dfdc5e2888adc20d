//go:build unix

package control

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

func TestPipesInTheWayHoldNobodyUp(t *testing.T) {
	for _, name := range []string{lockName, pointerName, socketName} {
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

func TestPipeInPlaceOfTheDraftOfThePointerHoldsNobodyUp(t *testing.T) {
	dir := tempDir(t)
	if err := syscall.Mkfifo(filepath.Join(dir, pointerName+".new"), 0o600); err != nil {
		t.Skip(err)
	}
	if err := point(dir, "/run/control.sock"); err != nil {
		t.Fatal(err)
	}
	if got, err := find(dir); got != "/run/control.sock" || err != nil {
		t.Errorf("got %s (%v)", got, err)
	}
}
