package control

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// longDir returns a data directory whose path leaves no room for a socket.
func longDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// names returns what is in dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSocketIsForItsUserAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists, not modes, decide on Windows")
	}
	for _, c := range []struct{ name, dir string }{{"in the data directory", tempDir(t)}, {"elsewhere", longDir(t)}} {
		if err := os.Chmod(c.dir, 0o777); err != nil { // the worst a careless user can do
			t.Fatal(err)
		}
		s, err := Listen(c.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		info, err := os.Lstat(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%s: mode is %v", c.name, info.Mode())
		}
		if c.dir == filepath.Dir(s.Path()) {
			continue
		}
		if info, err = os.Lstat(filepath.Dir(s.Path())); err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: the directory's mode is %v (%v)", c.name, info.Mode(), err)
		}
	}
}

func TestSocketLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct{ name, dir string }{{"in the data directory", tempDir(t)}, {"elsewhere", longDir(t)}} {
		s, err := Listen(c.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := find(c.dir); got != s.Path() || err != nil {
			t.Errorf("%s: found at %s (%v), want %s", c.name, got, err, s.Path())
		}
		if n := len(names(t, c.dir)); n != 1 { // the socket, or where it is
			t.Errorf("%s: while it listens: %v", c.name, names(t, c.dir))
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if left := names(t, c.dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", c.name, left)
		}
		if dir := filepath.Dir(s.Path()); dir != c.dir {
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: left behind: %s (%v)", c.name, dir, err)
			}
		}
	}
}

func TestWhatAKilledNodeLeftIsClearedAway(t *testing.T) {
	for _, c := range []struct{ name, dir string }{{"in the data directory", tempDir(t)}, {"elsewhere", longDir(t)}} {
		old, err := Listen(c.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		old.listener.Close() // as the system does; the files stay
		if _, err := GetNode.Ask(t.Context(), NewClient(c.dir), Request{}); !errors.Is(err, ErrNoNode) {
			t.Errorf("%s: with nobody there: %v", c.name, err)
		}
		s, err := Listen(c.dir, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, err := os.Lstat(filepath.Dir(old.Path())); c.dir != filepath.Dir(old.Path()) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the old directory is still there (%v)", c.name, err)
		}
		conn, err := dial(t.Context(), c.dir)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		conn.Close()
		s.Close()
	}
}

func TestNothingThereIsNoNode(t *testing.T) {
	for name, dir := range map[string]string{
		"empty":     tempDir(t),
		"not there": filepath.Join(tempDir(t), "none"),
		"long":      longDir(t),
	} {
		if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); !errors.Is(err, ErrNoNode) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPathOfTheSocketFits(t *testing.T) {
	room := maxPath - len("/"+socketName)
	base := filepath.Join(string(filepath.Separator), strings.Repeat("d", room-1))
	for _, c := range []struct {
		name    string
		dir     string
		private bool
	}{
		{"short", base[:10], false},
		{"just fits", base, false},
		{"one byte more", base + "d", true},
	} {
		temp := tempDir(t)
		path, private, err := place(c.dir, temp)
		if err != nil || private != c.private || len(path) > maxPath {
			t.Errorf("%s: got %s, private %v (%v)", c.name, path, private, err)
		}
		if made := len(names(t, temp)) == 1; made != c.private {
			t.Errorf("%s: made a directory: %v", c.name, made)
		}
	}
}

func TestNoShortDirectoryIsAnError(t *testing.T) {
	temp := longDir(t)
	if _, _, err := place(longDir(t), temp); !errors.Is(err, ErrPathTooLong) {
		t.Errorf("got %v", err)
	}
	if left := names(t, temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPointerThatIsNoPathIsPassedOver(t *testing.T) {
	dir := tempDir(t)
	for _, text := range []string{"", "\n", "relative/control.sock"} {
		if err := os.WriteFile(filepath.Join(dir, pointerName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := find(dir); got != filepath.Join(dir, socketName) || err != nil {
			t.Errorf("%q: got %s (%v)", text, got, err)
		}
	}
}

func TestSweepRemovesOnlyWhatANodeMade(t *testing.T) {
	dir, other := tempDir(t), tempDir(t)
	kept := filepath.Join(other, "kept")
	for path, text := range map[string]string{kept: "mine", filepath.Join(dir, pointerName): filepath.Join(other, socketName)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	if _, err := os.Lstat(kept); err != nil {
		t.Error(err)
	}
}

func TestStrangersAreTurnedAwayAndOthersServed(t *testing.T) {
	s, err := Listen(tempDir(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first := true
	s.check = func(net.Conn) error {
		defer func() { first = false }()
		if first {
			return ErrOtherUser
		}
		return nil
	}
	accepted := make(chan net.Conn)
	go func() {
		c, err := s.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	stranger, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	stranger.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := stranger.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the stranger got %v, want %v", err, io.EOF)
	}
	friend, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer friend.Close()
	(<-accepted).Close()
}

func TestWhoMayBeAtTheOtherEnd(t *testing.T) {
	s, err := Listen(tempDir(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	uid, known, err := peerUser(c)
	if err != nil || known && uid != os.Geteuid() {
		t.Fatalf("the other end is uid %d (%v), want %d", uid, err, os.Geteuid())
	}
	if runtime.GOOS == "linux" && !known {
		t.Error("Linux tells who is at the other end")
	}
	if err := errors.Join(checkServerSide(c), checkClientSide(c)); err != nil {
		t.Errorf("this user is refused: %v", err)
	}
	none := func(int, int) bool { return false }
	if err := check(c, none); known && !errors.Is(err, ErrOtherUser) {
		t.Errorf("got %v", err)
	}
	for _, c := range []struct {
		name           string
		peer, self     int
		server, client bool
	}{
		{"the same user", 1000, 1000, true, true},
		{"root commands a user's node", 0, 1000, true, true},
		{"another user", 1001, 1000, false, false},
		{"a user and root's node", 1000, 0, false, true},
		{"root and root's node", 0, 0, true, true},
	} {
		if got := mayCommand(c.peer, c.self); got != c.server {
			t.Errorf("%s: the node admits: %v", c.name, got)
		}
		if got := mayServe(c.peer, c.self); got != c.client {
			t.Errorf("%s: the command goes on: %v", c.name, got)
		}
	}
}

func TestOneNodePerDataDirectory(t *testing.T) {
	dir := tempDir(t)
	first, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("second: got %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(dir)
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	again.Release()
	if _, err := Acquire(filepath.Join(dir, "none")); err == nil || errors.Is(err, ErrRunning) {
		t.Errorf("no such directory: got %v", err)
	}
}
