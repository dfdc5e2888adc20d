package trust

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

func TestASetIsKeptInItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "peers")
	s := mustOpen(t, path)
	checkLabels(t, s)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("B"), Label: "B", Options: []Option{{"addr", "192.0.2.7:7100"}}}), nil)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("C"), Label: "C"}), nil)
	found, err := s.Remove(keyOf("A"))
	if !found || err != nil {
		t.Errorf("Remove: %t, %v", found, err)
	}
	checkFile(t, path, keyOf("B").String()+" addr=192.0.2.7:7100 B\n"+text("C"))
	if again := mustOpen(t, path); !samePeers(again.List(), s.List()) {
		t.Errorf("read back: %+v, want %+v", again.List(), s.List())
	}
	if found, err := s.Remove(keyOf("A")); found || err != nil {
		t.Errorf("Remove of an untrusted key: %t, %v", found, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info, err, want)
		}
	}
}

func TestTheModeOfTheFileIsKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on Windows")
	}
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, "")
	for _, mode := range []fs.FileMode{0o640, 0o644, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, path)
		checkIs(t, "Add", s.Add(Peer{Key: testKey(int(mode))}), nil)
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
	}
}

func TestALinkedFileStaysLinked(t *testing.T) {
	folder := t.TempDir()
	file, path := filepath.Join(folder, "file"), filepath.Join(folder, "peers")
	if err := os.Symlink(file, path); err != nil {
		t.Skip(err)
	}
	s := mustOpen(t, path)
	checkIs(t, "Add behind a link that leads nowhere", s.Add(Peer{Key: keyOf("A"), Label: "A"}), fs.ErrNotExist)
	writeFile(t, file, text("B"))
	checkIs(t, "Reload", s.Reload(), nil)
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkFile(t, file, text("B", "A"))
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(file + ".lock"); err != nil {
		t.Errorf("the lock is not beside the file: %v", err)
	}
}

func TestOthersEditsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	first, second := mustOpen(t, path), mustOpen(t, path)
	seen := record(t, first)
	checkIs(t, "Add", first.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkIs(t, "Add", second.Add(Peer{Key: keyOf("B"), Label: "B"}), nil)
	checkIs(t, "Add", first.Add(Peer{Key: keyOf("C"), Label: "C"}), nil)
	checkFile(t, path, text("A", "B", "C"))
	if got := seen(); !slices.Equal(got, []string{"added A", "added B", "added C"}) {
		t.Errorf("seen %q", got)
	}
	checkLabels(t, second, "A", "B")
	checkIs(t, "a label that another process has given", second.Add(Peer{Key: keyOf("D"), Label: "C"}), ErrLabelTaken)
	checkIs(t, "Reload", second.Reload(), nil)
	checkLabels(t, second, "A", "B", "C")
}

func TestEveryEditIsSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, text("A", "B"))
	s := mustOpen(t, path)
	stamp := time.Unix(1_000_000_000, 0)
	for _, step := range []struct {
		text    string
		replace bool // the file, rather than its content
	}{
		{text("A", "C"), false}, // of the same size, and at the same time
		{text("D", "C"), true},
		{text("D", "C", "E"), false},
		{text("E"), true},
		{"# nobody\n", false},
		{text("F"), false},
		{"", false},
		{"", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			if step.replace {
				if err := os.Rename(path, path+".old"); err != nil {
					t.Fatal(err)
				}
			}
			writeFile(t, path, step.text)
			if err := os.Chtimes(path, stamp, stamp); err != nil {
				t.Fatal(err)
			}
			checkIs(t, "Reload", s.Reload(), nil)
			var want []string
			for _, peer := range parse(step.text, identity.PublicKey{}, empty).peers {
				want = append(want, peer.Label)
			}
			checkLabels(t, s, want...)
		})
	}
}

// A damage is done to the peers file at a path. Reload then fails with want, or with any error if want is nil.
type damage struct {
	do   func(t *testing.T, path string)
	want error
}

// damages are the ways to damage a file.
var damages = map[string]damage{
	"gone":            {func(t *testing.T, path string) { removeAll(t, path) }, ErrFileMissing},
	"its folder gone": {func(t *testing.T, path string) { removeAll(t, filepath.Dir(path)) }, ErrFileMissing},
	"a folder":        {func(t *testing.T, path string) { removeAll(t, path); mustMkdir(t, path) }, ErrFileKind},
	"folder is a file": {func(t *testing.T, path string) {
		removeAll(t, filepath.Dir(path))
		writeFile(t, filepath.Dir(path), "")
	}, nil},
	"too large":              {func(t *testing.T, path string) { writeFile(t, path, text("A")+strings.Repeat("#", fileLimit)) }, ErrFileTooLarge},
	"of another kind":        {func(t *testing.T, path string) { writeFile(t, path, "\x7fELF\x02\x01\n\x00\x01") }, ErrFileGarbled},
	"one mistyped line":      {func(t *testing.T, path string) { writeFile(t, path, "# my peers\n"+"x"+text("A")) }, ErrFileGarbled},
	"a link that leads away": {func(t *testing.T, path string) { removeAll(t, path); mustLink(t, path+"-absent", path) }, ErrFileMissing},
}

func TestAPeerThatCannotBeWrittenIsNotTrusted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	s := mustOpen(t, filepath.Join(folder, "peers"))
	writeFile(t, folder, "not a folder")
	seen := record(t, s)
	if err := s.Add(Peer{Key: keyOf("A"), Label: "A"}); err == nil {
		t.Error("added in a folder that is a file")
	}
	if found, err := s.Remove(keyOf("A")); err == nil || found {
		t.Errorf("Remove: %t, %v", found, err)
	}
	checkLabels(t, s)
	if got := seen(); got != nil {
		t.Errorf("seen %q", got)
	}
}

func TestWritersWaitForTheLockForALimitedTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	synctest.Test(t, func(t *testing.T) {
		other := flock.New(path + ".lock")
		if locked, err := other.TryLock(); !locked || err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		s := mustOpen(t, path)
		start := time.Now()
		checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), ErrLocked)
		if waited := time.Since(start); waited != lockWait {
			t.Errorf("waited %v, want %v", waited, lockWait)
		}
		checkLabels(t, s)
		checkIs(t, "Reload, which needs no lock", s.Reload(), nil)

		go func() {
			time.Sleep(lockWait / 2)
			if err := other.Unlock(); err != nil {
				t.Error(err)
			}
		}()
		checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
		checkLabels(t, s, "A")
	})
}

func TestARelativePathKeepsItsMeaning(t *testing.T) {
	t.Chdir(t.TempDir())
	s := mustOpen(t, "peers")
	path, err := filepath.Abs("peers")
	checkIs(t, "Abs", err, nil)
	t.Chdir(t.TempDir())
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A"), Label: "A"}), nil)
	checkFile(t, path, text("A"))
}
