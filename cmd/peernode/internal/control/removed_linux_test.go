package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestSocketThatCannotBeAskedStays has a second node start after somebody had removed the lock and the socket of the first.
// Nobody can tell then whether the second one is alive.
func TestSocketThatCannotBeAskedStays(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, s *Socket)
		want    error
	}{
		"busy":       {fillBacklog, ErrBusy},
		"permission": {becomeStranger, fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread() // becomeStranger changes the thread, which ends with the test
			dir := tempDir(t)
			first, err := Listen(dir, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			if err := os.Remove(first.Path()); err != nil {
				t.Fatal(err)
			}
			second, err := Listen(dir, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			c.prepare(t, second)
			if err := first.rebind(); !errors.Is(err, c.want) || !second.isThere() {
				t.Errorf("the first node: %v; the second one's socket is there: %v", err, second.isThere())
			}
			if lock, err := Acquire(dir); !errors.Is(err, c.want) {
				t.Errorf("a third node: %v", err)
				if err == nil {
					lock.Release()
				}
			}
		})
	}
}

// fillBacklog connects to the node of s, which accepts nothing, until no more connections may wait there.
func fillBacklog(t *testing.T, s *Socket) {
	t.Helper()
	raw, err := s.listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	for err == nil {
		var c net.Conn
		if c, err = net.Dial("unix", s.Path()); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
}

// becomeStranger takes the rights to the socket of s, but not those to its folder, away from this thread.
func becomeStranger(t *testing.T, s *Socket) {
	t.Helper()
	dir := filepath.Dir(s.Path())
	lock, err := os.Create(filepath.Join(dir, lockName))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(lock.Chmod(0o666), lock.Close(), os.Chmod(s.Path(), 0), os.Chmod(dir, 0o777))
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setfsuid(0) }) // before the folder is removed
}
