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

// fullDisk, when set in the environment, makes the test binary try to write the file that it names where no file may
// grow beyond 4 bytes, which is how a full disk looks to a writer.
const fullDisk = "PEERNET_DURABLE_FULL_DISK"

func init() {
	path := os.Getenv(fullDisk)
	if path == "" {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4, Max: 4}); err != nil {
		panic(err)
	}
	content := []byte("new content")
	if Replace(path, content, 0o600) == nil || create(path+"2", content, 0o600, os.Link) == nil ||
		create(path+"2", content, 0o600, noLinks) == nil {
		panic("written beyond the limit")
	}
	os.Exit(0)
}

func TestFullDiskLeavesTheOldFileAndNothingElse(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := Create(path, []byte("old content"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullDisk+"="+path)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	checkFile(t, path, "old content", 0o600)
	checkFolder(t, folder, "f")
}

// mounted, when set in the environment, makes the test binary replace the file that it names, which is a mount of its own.
const mounted = "PEERNET_DURABLE_MOUNTED"

func init() {
	path := os.Getenv(mounted)
	if path == "" {
		return
	}
	if err := Replace(path, nil, 0o600); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "mount its folder") {
		panic(err)
	}
	os.Exit(0)
}

func TestAFileThatIsAMountOfItsOwnSaysWhatToDo(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := Create(path, []byte("old content"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `mount --bind "$1" "$1" || exit 99; exec "$2"`
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", script, "sh", path, os.Args[0])
	cmd.Env = append(os.Environ(), mounted+"="+path)
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
