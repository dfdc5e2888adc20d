package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
)

// noLinks is a file system without hard links.
func noLinks(from, to string) error {
	return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
}

// checkFolder fails the test if folder holds anything but the given names.
func checkFolder(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", names, want)
	}
}

func checkFile(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != content {
		t.Errorf("%s holds %q, want %q", path, got, content)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != mode {
		t.Errorf("%s has mode %04o, want %04o", path, info.Mode().Perm(), mode)
	}
}

func TestReplaceWritesContentAndMode(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	for _, step := range []struct {
		content string
		mode    fs.FileMode
	}{
		{"first", 0o600},
		{"second, longer", 0o666}, // exactly, though the umask says otherwise
		{"", 0o400},
		{"again", 0o600}, // over a read-only file
	} {
		if err := Replace(path, []byte(step.content), step.mode); err != nil {
			t.Fatal(err)
		}
		checkFile(t, path, step.content, step.mode)
		checkFolder(t, folder, "f")
	}
}

func TestReplaceThatFailsLeavesNothingBehind(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := os.MkdirAll(filepath.Join(path, "child"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("content"), 0o600); err == nil {
		t.Error("a folder was replaced with a file")
	}
	checkFolder(t, folder, "f")
	checkFolder(t, path, "child")

	if err := Replace(filepath.Join(folder, "absent", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

func TestReadersSeeOldOrNewContentWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	contents := [2][]byte{bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 50_000)}
	if err := Replace(path, contents[0], 0o600); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 50 {
			if err := Replace(path, contents[i%2], 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	for range 200 {
		got, _, err := Read(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Fatalf("read %d bytes that were never written", len(got))
		}
	}
	writer.Wait()
}

func TestCreate(t *testing.T) {
	for name, link := range map[string]func(from, to string) error{"links": os.Link, "no links": noLinks} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "f")
			if err := create(path, []byte("first"), 0o640, link); err != nil {
				t.Fatal(err)
			}
			checkFile(t, path, "first", 0o640)
			if err := create(path, []byte("second"), 0o600, link); !errors.Is(err, fs.ErrExist) {
				t.Errorf("creating it again: %v", err)
			}
			checkFile(t, path, "first", 0o640)
			checkFolder(t, folder, "f")

			if err := create(filepath.Join(folder, "absent", "f"), nil, 0o600, link); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("in a folder that is not there: %v", err)
			}
		})
	}
}

func TestCreateDoesNotFollowALinkThatLeadsNowhere(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := os.Symlink(filepath.Join(folder, "absent"), path); err != nil {
		t.Skip(err)
	}
	if err := Create(path, []byte("content"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create: %v", err)
	}
	checkFolder(t, folder, "f")
}

// creating makes a child create the file at a path, and print the result.
const creating = "PEERNET_TEST_DURABLE_CREATING"

func init() {
	child.Run(creating, func(path string) error {
		err := Create(path, fmt.Appendf(nil, "by %d", os.Getpid()), 0o600)
		switch {
		case err == nil:
			fmt.Print("created")
		case errors.Is(err, fs.ErrExist):
			fmt.Print("exists")
		default:
			return err
		}
		return nil
	})
}

func TestOneOfSeveralProcessesCreates(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	const processes = 6
	var outputs [processes]string
	var group sync.WaitGroup
	var creator int
	for i := range processes {
		cmd := child.Command(t.Context(), creating, path)
		group.Go(func() {
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, output)
			}
			if outputs[i] = string(output); outputs[i] == "created" {
				creator = cmd.Process.Pid
			}
		})
	}
	group.Wait()
	created := 0
	for _, output := range outputs {
		switch output {
		case "created":
			created++
		case "exists":
		default:
			t.Errorf("a process says %q", output)
		}
	}
	if created != 1 {
		t.Fatalf("%d of %d processes created the file", created, processes)
	}
	checkFile(t, path, fmt.Sprintf("by %d", creator), 0o600)
	checkFolder(t, folder, "f")
}
