package netns

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// errOutside: hosts and bridges are made inside of Run alone.
var errOutside = errors.New("not in a test that Run runs")

// A space is a network namespace and a thread of this process that lives in it, and holds it. What runs on the thread
// opens its sockets there, and processes that it starts live there.
type space struct {
	t    *testing.T
	id   int // of the thread
	work chan func()
}

// newSpace returns a new space, which ends with the test. Its loopback is up.
func newSpace(t *testing.T) *space {
	t.Helper()
	if os.Getenv(insideVariable) == "" {
		t.Fatal(errOutside)
	}
	s := &space{t: t, work: make(chan func())}
	begun, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for good: the thread ends with this goroutine, and with it the namespace
		s.id = syscall.Gettid()
		begun <- syscall.Unshare(syscall.CLONE_NEWNET)
		for f := range s.work {
			f()
		}
	}()
	t.Cleanup(func() {
		close(s.work)
		<-ended
	})
	if err := <-begun; err != nil {
		t.Fatalf("network namespace: %v", err)
	}
	s.ip("link set dev lo up")
	return s
}

// do runs f on the thread of the space and returns when f has.
func (s *space) do(f func()) {
	done := make(chan struct{})
	s.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// start starts cmd in the space.
func (s *space) start(cmd *exec.Cmd) (err error) {
	s.do(func() { err = cmd.Start() })
	return err
}

// ip carries out commands of iproute2's ip in the space, in order, each as on the command line but without the word
// ip. The test fails at the first that fails.
func (s *space) ip(commands ...string) {
	s.t.Helper()
	path, err := findIP()
	if err != nil {
		s.t.Fatal(err)
	}
	var output strings.Builder
	cmd := exec.Command(path, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := s.start(cmd); err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		s.t.Fatalf("ip: %v: %s\n%s", err, strings.Join(commands, "; "), strings.TrimSpace(output.String()))
	}
}
