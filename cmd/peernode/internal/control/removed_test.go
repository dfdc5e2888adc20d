package control

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSocketThatWasRemovedIsMadeAgain has somebody remove what belongs to the socket, piece by piece.
func TestSocketThatWasRemovedIsMadeAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		long   bool
		remove func(s *Socket) string
	}{
		{"the socket", false, (*Socket).Path},
		{"the socket elsewhere", true, (*Socket).Path},
		{"where it is", true, func(s *Socket) string { return filepath.Join(s.dir, pointerName) }},
		{"its directory", true, func(s *Socket) string { return filepath.Dir(s.Path()) }},
	} {
		dir := tempDir(t)
		if c.long {
			dir = longDir(t)
		}
		lock, err := Acquire(dir)
		if err != nil {
			t.Fatal(err)
		}
		socket, err := Listen(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		server, served := newServer(fake{}), make(chan error, 1)
		go func() { served <- server.Serve(socket) }()
		if err := os.RemoveAll(c.remove(socket)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // at once, and again
			if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if _, err := Acquire(dir); !errors.Is(err, ErrRunning) {
			t.Errorf("%s: a second node: %v", c.name, err)
		}
		if err := errors.Join(server.Shutdown(t.Context()), <-served, lock.Release()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if left := names(t, dir); len(left) != 1 || left[0] != lockName {
			t.Errorf("%s: left behind: %v", c.name, left)
		}
	}
}

// TestTheSocketOfAnotherNodeStays has somebody remove the lock and the socket, so that a second node starts.
func TestTheSocketOfAnotherNodeStays(t *testing.T) {
	for _, dir := range []string{tempDir(t), longDir(t)} {
		first, err := Listen(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{first.Path(), filepath.Join(dir, pointerName)} {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		second, err := Listen(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			first.restore()
			if !second.isThere() {
				t.Error("the first node has taken the second one's socket")
			}
		}
		if err := first.Close(); err != nil || !second.isThere() {
			t.Errorf("the first node has removed the second one's socket (%v)", err)
		}
		if err := second.Close(); err != nil || len(names(t, dir)) > 0 {
			t.Errorf("left behind: %v (%v)", names(t, dir), err)
		}
	}
}

// TestWhatIsInTheSocketsPlaceStays has somebody put a file of his own where the socket was.
func TestWhatIsInTheSocketsPlaceStays(t *testing.T) {
	socket, err := Listen(tempDir(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := errors.Join(os.Remove(socket.Path()), os.WriteFile(socket.Path(), []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	socket.restore()
	if text, err := os.ReadFile(socket.Path()); string(text) != "mine" {
		t.Errorf("it holds %q (%v)", text, err)
	}
}

// TestLockAloneSaysWhetherANodeRuns has commands ask while a node has no socket yet, and after its end, and a node whose
// lock's file was removed.
func TestLockAloneSaysWhetherANodeRuns(t *testing.T) {
	dir := tempDir(t)
	if isHeld(dir) || len(names(t, dir)) > 0 {
		t.Errorf("with no lock: held, or made: %v", names(t, dir))
	}
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); !errors.Is(err, ErrNoSocket) || time.Since(begin) < dialTime {
		t.Errorf("without a socket: got %v after %v", err, time.Since(begin))
	}
	socket, err := Listen(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("without the lock's file: got %v", err)
	}
	if err := errors.Join(socket.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); !errors.Is(err, ErrNoNode) || isHeld(dir) {
		t.Errorf("after the end: got %v", err)
	}
}
