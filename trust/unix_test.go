//go:build unix

package trust

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAPipeDoesNotBlockTheSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	_, err := Open(path)
	checkIs(t, "Open", err, ErrFileKind)
}

func TestAPipeInPlaceOfTheLockDoesNotBlockWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	if err := syscall.Mkfifo(path+lockSuffix, 0o600); err != nil {
		t.Skip(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	checkIs(t, "Add", s.Add(Peer{Key: keyOf("A")}), ErrFileKind)
	if s.Contains(keyOf("A")) {
		t.Error("the set has changed")
	}
}

func TestAFileThatOthersMayWriteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	for mode, want := range map[os.FileMode]error{0o600: nil, 0o644: nil, 0o664: ErrPermissions, 0o602: ErrPermissions} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		checkIs(t, fmt.Sprintf("Open with mode %o", mode), err, want)
	}
}

// fullDisk, when set in the environment, makes the test binary edit the peers file that it names where no file may grow
// at all, which is how a full disk looks to a writer.
const fullDisk = "PEERNET_TRUST_FULL_DISK"

func init() {
	path := os.Getenv(fullDisk)
	if path == "" {
		return
	}
	if err := editOnFullDisk(path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func editOnFullDisk(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	var changed []Change
	s.Watch(func(c Change) { changed = append(changed, c) })
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{}); err != nil {
		return err
	}
	if err := s.Add(Peer{Key: keyOf("C"), Label: "C"}); err == nil {
		return fmt.Errorf("added on a full disk")
	}
	if found, err := s.Remove(keyOf("A")); err == nil || found {
		return fmt.Errorf("removed on a full disk: %t, %v", found, err)
	}
	if s.Contains(keyOf("C")) || !s.Contains(keyOf("A")) || len(s.List()) != 2 || len(changed) != 0 {
		return fmt.Errorf("the set changed: %v, %v", s.List(), changed)
	}
	return nil
}

func TestAFullDiskChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	writeFile(t, path, text("A", "B"))
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullDisk+"="+path)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	checkFile(t, path, text("A", "B"))
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("beside the file and its lock: %v, %v", entries, err)
	}
}
