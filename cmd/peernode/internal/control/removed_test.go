package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSocketThatWasRemovedIsMadeAgain(t *testing.T) {
	for name, dir := range map[string]string{"short": tempDir(t), "long": longDir(t)} {
		lock, err := Acquire(dir)
		if err != nil {
			t.Fatal(err)
		}
		socket, err := Listen(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		server, served := newServer(fake{}), make(chan error, 1)
		go func() { served <- server.Serve(socket) }()
		if err := os.Remove(socket.Path()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // at once, and again
			if _, err := GetNode.Ask(t.Context(), NewClient(dir), Request{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := Acquire(dir); !errors.Is(err, ErrRunning) {
			t.Errorf("%s: a second node: %v", name, err)
		}
		if err := errors.Join(server.Shutdown(t.Context()), <-served, lock.Release()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left := names(t, dir); len(left) != 1 || left[0] != lockName {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

// TestTheSocketOfAnotherNodeStays has somebody remove the lock and the socket, so that a second node starts.
func TestTheSocketOfAnotherNodeStays(t *testing.T) {
	for _, dir := range []string{tempDir(t), longDir(t)} {
		first, err := Listen(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(first.Path()); err != nil {
			t.Fatal(err)
		}
		second, err := Listen(dir, quiet)
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

// TestSocketThatIsGoneAtOnceIsMadeAgain has somebody remove the new socket before the node has looked at it.
func TestSocketThatIsGoneAtOnceIsMadeAgain(t *testing.T) {
	socket, err := Listen(tempDir(t), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	l, err := listen(socket.Path())
	if err != nil {
		t.Fatal(err)
	}
	old := socket.listener
	if err := os.Remove(socket.Path()); err != nil {
		t.Fatal(err)
	}
	if err := socket.adopt(l); !errors.Is(err, fs.ErrNotExist) || socket.listener != old {
		t.Errorf("adopt: %v; the old listener is kept: %v", err, socket.listener == old)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the new listener is left open: %v", err)
	}
	if l := socket.restore(); l == old || !socket.isThere() {
		t.Errorf("the socket is there again: %v", socket.isThere())
	}
}

// TestWhatIsInTheSocketsPlaceStays replaces the socket with a file.
func TestWhatIsInTheSocketsPlaceStays(t *testing.T) {
	socket, err := Listen(tempDir(t), quiet)
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

// TestLockAloneSaysWhetherANodeRuns asks while a node has the lock and no socket, after the lock's file was removed, and after
// the node's end.
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
	socket, err := Listen(dir, quiet)
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
