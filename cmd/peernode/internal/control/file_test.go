package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsThereIsSaid(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0o600:                             "a file",
		fs.ModeDir | 0o700:                "a folder",
		fs.ModeNamedPipe:                  "a named pipe",
		fs.ModeSocket:                     "a socket",
		fs.ModeDevice | fs.ModeCharDevice: "a device",
		fs.ModeIrregular:                  "something of another kind",
	} {
		if got := kindOf(mode); got != want {
			t.Errorf("%v: got %q, want %q", mode, got, want)
		}
	}
}

func TestFoldersInTheWayAreNamedAndStay(t *testing.T) {
	for _, name := range []string{lockName, socketName} {
		dir := tempDir(t)
		kept := filepath.Join(dir, name, "kept")
		if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		err := start(dir)
		if !errors.Is(err, ErrFileKind) || !strings.Contains(err.Error(), filepath.Join(dir, name)) {
			t.Errorf("%s: a node: got %v", name, err)
		}
		if name != lockName {
			if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); !errors.Is(err, ErrFileKind) {
				t.Errorf("%s: a command: got %v", name, err)
			}
		}
		if _, err := os.Lstat(kept); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// start takes the lock and makes the socket, as a node does when it starts, and releases both.
func start(dir string) error {
	l, err := Acquire(dir)
	if err != nil {
		return err
	}
	defer l.Release()
	s, err := Listen(dir, quiet)
	if err != nil {
		return err
	}
	return s.Close()
}

func TestFileInPlaceOfTheSocketStays(t *testing.T) {
	dir := tempDir(t)
	path := filepath.Join(dir, socketName)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(dir); !errors.Is(err, ErrFileKind) {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "mine" {
		t.Errorf("left %q (%v)", text, err)
	}
}
