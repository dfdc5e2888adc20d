//go:build unix

package durable

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
)

func TestPipesSocketsAndDevicesDoNotBlockRead(t *testing.T) {
	folder := t.TempDir()
	pipe, socket := filepath.Join(folder, "pipe"), filepath.Join(folder, "socket")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	defer listener.Close()
	for path, want := range map[string]string{pipe: "a named pipe", socket: "a socket", os.DevNull: "a device"} {
		_, _, err := Read(path, 8)
		if !errors.Is(err, ErrNotRegular) || err.Error() != "it is "+want+", not a file" {
			t.Errorf("Read of %s: %v", want, err)
		}
		if err := CheckRegular(os.Stat(path)); !errors.Is(err, ErrNotRegular) {
			t.Errorf("CheckRegular of %s: %v", want, err)
		}
	}
}

func TestFilesOfTheSystemThatGrowAreBounded(t *testing.T) {
	const path = "/proc/self/maps" // its size says 0, but it has more
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if _, _, err := Read(path, 8); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Read: %v", err)
	}
}

// fullDisk makes a child try to write the file at a path where no file may grow beyond 4 bytes, which is how a full disk
// looks to a writer.
const fullDisk = "PEERNET_TEST_DURABLE_FULL_DISK"

func init() {
	child.Run(fullDisk, func(path string) error {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4, Max: 4}); err != nil {
			return err
		}
		content := []byte("new content")
		if Replace(path, content, 0o600) == nil || create(path+"2", content, 0o600, os.Link) == nil ||
			create(path+"2", content, 0o600, noLinks) == nil {
			return errors.New("written beyond the limit")
		}
		return nil
	})
}

func TestFullDiskLeavesTheOldFileAndNothingElse(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := Create(path, []byte("old content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := child.Command(t.Context(), fullDisk, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	checkFile(t, path, "old content", 0o600)
	checkFolder(t, folder, "f")
}

// mounted makes a child replace the file at a path, which is a mount of its own. If something else happens than it should,
// the child ends with status 2, because status 1 is that of a system without mounts.
const mounted = "PEERNET_TEST_DURABLE_MOUNTED"

func init() {
	child.Run(mounted, func(path string) error {
		if err := Replace(path, nil, 0o600); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "mount its folder") {
			panic(err)
		}
		return nil
	})
}

func TestAFileThatIsAMountOfItsOwnSaysWhatToDo(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := Create(path, []byte("old content"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `mount --bind "$1" "$1" || exit 99; exec "$2"`
	inside := child.Command(t.Context(), mounted, path)
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", script, "sh", path, inside.Path)
	cmd.Env = inside.Env
	output, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() == 99 || exit.ExitCode() == 1) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	checkFile(t, path, "old content", 0o600)
	checkFolder(t, folder, "f")
}
