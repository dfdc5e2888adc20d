package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := Create(path, []byte("12345678"), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{path, link} {
		data, mode, err := Read(name, 8)
		if string(data) != "12345678" || err != nil {
			t.Errorf("Read(%s) = %q, %v", name, data, err)
		}
		if want := fs.FileMode(0o640); mode != want && os.PathSeparator == '/' {
			t.Errorf("mode %04o, want %04o", mode, want)
		}
	}
	if _, _, err := Read(path, 7); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte above the limit: %v", err)
	}
	if _, _, err := Read(folder, 8); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	if _, _, err := Read(filepath.Join(folder, "absent"), 8); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestCauseLeavesOutTheSystemCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent")
	_, err := os.ReadFile(path)
	got := Cause(err)
	if whole, ok := errors.AsType[*fs.PathError](got); !ok || got.Error() != whole.Err.Error() || whole.Path != path {
		t.Errorf("got %v of %v", got, err)
	}
	if plain := errors.New("open is wrong"); Cause(plain) != plain {
		t.Errorf("%v changed", plain)
	}
}
