package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestWhatIsThereIsSaid(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0o600:                               "a file",
		fs.ModeDir | 0o700:                  "a folder",
		fs.ModeNamedPipe:                    "a named pipe",
		fs.ModeSocket:                       "a socket",
		fs.ModeDevice:                       "a device",
		fs.ModeDevice | fs.ModeCharDevice:   "a device",
		fs.ModeIrregular:                    "of another kind",
		fs.ModeDir | fs.ModeSticky | 0o1777: "a folder",
	} {
		if got := kind(mode); got != want {
			t.Errorf("%v: got %q, want %q", mode, got, want)
		}
	}
}

func TestAPathIsGoodForAFileIfThereIsOneOrNothing(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "f")
	if err := CheckRegular(file); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if err := Create(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckRegular(file); err != nil {
		t.Errorf("a file: %v", err)
	}
	err := CheckRegular(folder)
	if e, ok := errors.AsType[*KindError](err); !ok || e.Path != folder || e.Kind != "a folder" || !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	if err := CheckRegular(filepath.Join(file, "below")); err == nil && filepath.Separator == '/' {
		t.Error("below a file is no place for one")
	}
}
