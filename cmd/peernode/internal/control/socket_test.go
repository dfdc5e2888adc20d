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
	for name, dir := range map[string]string{"short": tempDir(t), "long": longDir(t)} {
		if err := os.Chmod(dir, 0o777); err != nil { // the worst a careless user can do
			t.Fatal(err)
		}
		s, err := Listen(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		info, err := os.Lstat(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%s: mode is %v", name, info.Mode())
		}
	}
}

func TestSocketLeavesNothingBehind(t *testing.T) {
	for name, dir := range map[string]string{"short": tempDir(t), "long": longDir(t)} {
		temp := tempDir(t)
		t.Setenv("TMPDIR", temp)
		s, err := Listen(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dial(t.Context(), dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn.Close()
		if got := names(t, dir); len(got) != 1 || filepath.Join(dir, got[0]) != s.Path() {
			t.Errorf("%s: while it listens: %v", name, got)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if left := append(names(t, dir), names(t, temp)...); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

func TestWhatAKilledNodeLeftIsClearedAway(t *testing.T) {
	for name, dir := range map[string]string{"short": tempDir(t), "long": longDir(t)} {
		old, err := Listen(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		old.listener.Close() // as the system does; the socket stays
		if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); !errors.Is(err, ErrNoNode) {
			t.Errorf("%s: without a listener: %v", name, err)
		}
		s, err := Listen(dir, quiet)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn, err := dial(t.Context(), dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
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
	base := tempDir(t)
	for _, c := range []struct {
		name   string
		length int
		link   bool
	}{
		{"short", len(base) + 20, false},
		{"just fits", maxPath, false},
		{"one byte more", maxPath + 1, true},
		{"long", 200, true},
	} {
		dir := filepath.Join(base, strings.Repeat("d", c.length-len(base)-len("//"+socketName)))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path, short := filepath.Join(dir, socketName), ""
		err := withShortPath(path, func(given string) error {
			short = given
			return os.WriteFile(given, nil, 0o600)
		})
		if err != nil || len(path) != c.length || len(short) > maxPath || (short != path) != c.link {
			t.Errorf("%s: got %s (%v)", c.name, short, err)
		}
		if got := names(t, dir); len(got) != 1 || got[0] != socketName {
			t.Errorf("%s: wrote %v", c.name, got)
		}
	}
}

func TestNoShortDirectoryIsAnError(t *testing.T) {
	temp, dir := longDir(t), longDir(t)
	t.Setenv("TMPDIR", temp)
	if _, err := Listen(dir, quiet); !errors.Is(err, ErrPathTooLong) {
		t.Errorf("got %v", err)
	}
	if left := append(names(t, temp), names(t, dir)...); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOtherUsersAreRefusedAndThisOneIsServed(t *testing.T) {
	s, err := Listen(tempDir(t), quiet)
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
	refused, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	refused.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := refused.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the other user got %v, want %v", err, io.EOF)
	}
	friend, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer friend.Close()
	(<-accepted).Close()
}

func TestWhoMayBeAtTheOtherEnd(t *testing.T) {
	s, err := Listen(tempDir(t), quiet)
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
