package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestKindNamesTheMode(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		fs.ModeDir | 0o700:                  "a folder",
		fs.ModeNamedPipe:                    "a named pipe",
		fs.ModeSocket:                       "a socket",
		fs.ModeDevice:                       "a device",
		fs.ModeDevice | fs.ModeCharDevice:   "a device",
		fs.ModeIrregular:                    "something of another kind",
		fs.ModeDir | fs.ModeSticky | 0o1777: "a folder",
	} {
		if got := kind(mode); got != want {
			t.Errorf("%v: got %q, want %q", mode, got, want)
		}
	}
}

func TestCheckRegularAllowsAFileAlone(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "f")
	if err := CheckRegular(os.Stat(file)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if err := Create(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckRegular(os.Stat(file)); err != nil {
		t.Errorf("a file: %v", err)
	}
	if err := CheckRegular(os.Stat(folder)); !errors.Is(err, ErrNotRegular) || err.Error() != "it is a folder, not a file" {
		t.Errorf("a folder: %v", err)
	}
	if err := CheckRegular(os.Stat(filepath.Join(file, "below"))); err == nil && filepath.Separator == '/' {
		t.Error("a path below a file was accepted")
	}
}
