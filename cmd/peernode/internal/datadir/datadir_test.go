package datadir

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

func TestAdviceForWhatThisUserMayNotUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "the node")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, PeersFile)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	or := ", or choose another directory with --data-dir"
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a file", &fs.PathError{Op: "open", Path: file, Err: syscall.EACCES}, "let yourself use it with: chmod u+rw '" + file + "'" + or},
		{"the directory", &fs.PathError{Op: "open", Path: dir, Err: syscall.EACCES}, "let yourself use it with: chmod u+rwx '" + dir + "'" + or},
		{"a file that is not there", &fs.PathError{Op: "open", Path: filepath.Join(dir, "none"), Err: syscall.EACCES}, "let yourself use it with: chmod u+rwx '" + dir + "'" + or},
		{"a new name", &os.LinkError{Op: "rename", Old: "x", New: file, Err: syscall.EACCES}, "let yourself use it with: chmod u+rw '" + file + "'" + or},
		{"the socket", &fs.PathError{Op: "connect", Path: file, Err: fs.ErrPermission}, "let yourself use it with: chmod u+rw '" + file + "'" + or},
		{"above the directory", &fs.PathError{Op: "mkdir", Path: filepath.Dir(dir), Err: syscall.EACCES}, "let yourself use it with: chmod u+rwx " + filepath.Dir(dir) + or},
		{"somewhere else", &fs.PathError{Op: "mkdir", Path: elsewhere, Err: syscall.EACCES}, "let yourself use it with: chmod u+rwx " + elsewhere},
		{"a port", &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EACCES}, ""},
		{"another error", &fs.PathError{Op: "open", Path: file, Err: syscall.EIO}, ""},
		{"no path", fs.ErrPermission, ""},
	} {
		if got := Dir(dir).AccessAdvice(fmt.Errorf("doing it: %w", c.err)); got != c.want && filepath.Separator == '/' {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRootMakesNoDirectoryInAFolderOfAnotherUser(t *testing.T) {
	folder := t.TempDir()
	if os.Geteuid() != 0 || os.Chown(folder, 12345, 12345) != nil {
		t.Skip("only root could")
	}
	_, err := Dir(filepath.Join(folder, "a", "b")).Make()
	if err == nil || !strings.HasSuffix(failure.Explain(err).Advice, "sudo -u '#12345'") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("got %v, %v", entries, err)
	}
	if _, err := Dir(folder).Make(); err != nil {
		t.Errorf("a directory that is there: %v", err)
	}
}
