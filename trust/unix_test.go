//go:build unix

package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
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

// fullDisk makes a child edit the peers file at a path where no file may grow at all, which is how a full disk looks to a
// writer.
const fullDisk = "PEERNET_TEST_TRUST_FULL_DISK"

func init() { child.Run(fullDisk, editOnFullDisk) }

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
	if err := s.CheckWrite(); err == nil {
		return fmt.Errorf("a full disk is one that can be written")
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
	s, err := Open(path)
	if err == nil {
		err = s.CheckWrite()
	}
	if err != nil {
		t.Errorf("before it is full: %v", err)
	}
	if output, err := child.Command(t.Context(), fullDisk, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	checkFile(t, path, text("A", "B"))
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("beside the file and its lock: %v, %v", entries, err)
	}
}

// asRootFor returns a folder that belongs to another user, with a peers file that does too.
func asRootFor(t *testing.T, user int) (path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can edit the files of others")
	}
	path = filepath.Join(t.TempDir(), "peers")
	if err := os.Chown(filepath.Dir(path), user, user); err != nil {
		t.Skip(err)
	}
	return path
}

func checkOwner(t *testing.T, path string, user uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if stat := info.Sys().(*syscall.Stat_t); stat.Uid != user || stat.Gid != user {
		t.Errorf("%s belongs to %d:%d, not to %d", path, stat.Uid, stat.Gid, user)
	}
}

func TestAnEditByRootLeavesTheFilesToTheirOwner(t *testing.T) {
	path := asRootFor(t, 12345)
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Peer{Key: keyOf("A")}); err != nil {
		t.Fatal(err)
	}
	checkOwner(t, path, 12345)
	checkOwner(t, path+lockSuffix, 12345)
	if err := os.Chown(path, 12346, 12346); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(keyOf("A")); err != nil {
		t.Fatal(err)
	}
	checkOwner(t, path, 12346)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestALinkInPlaceOfTheLockIsNotFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	target := filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(target, path+lockSuffix); err != nil {
		t.Skip(err)
	}
	for range 2 { // the target is not there, then it is
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		checkIs(t, "Add", s.Add(Peer{Key: keyOf("A")}), ErrFileKind)
		if err := os.WriteFile(target, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrStandsUntilTheFileIsMended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	s, err := Open(path)
	if err != nil || s.Add(Peer{Key: keyOf("A")}) != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode os.FileMode
		want error
	}{{0o620, ErrPermissions}, {0o600, nil}} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			checkIs(t, "Reload", s.Reload(), c.want)
			checkIs(t, "Err", s.Err(), c.want)
		}
		if !s.Contains(keyOf("A")) {
			t.Error("the peer is gone")
		}
	}
}
