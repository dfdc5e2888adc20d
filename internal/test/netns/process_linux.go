package netns

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/internal/test/child"
)

const (
	// Forever bounds what has no bound of its own: the machine may be busy.
	Forever = 90 * time.Second

	// Slack is what a busy machine may add to a bound.
	Slack = 700 * time.Millisecond
)

// A Line is one value that a process printed, and when it came.
type Line[V any] struct {
	Value V
	At    time.Time
}

// A Process runs on a host and prints JSON values of one type to its standard output; its standard error is the test's.
// Its methods are for the goroutine of its test.
type Process[V any] struct {
	Name  string
	Began time.Time // when it was about to be started

	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{} // closed when it prints no more and has ended
	err   error         // how it ended; not to be read before

	mu    sync.Mutex // guards the rest
	lines []Line[V]
	more  chan struct{} // closed and made anew with each line
}

// Copy returns the command that runs this test binary with an environment variable that holds config as JSON. The binary
// looks for the variable before it runs tests, and becomes the process that config describes.
func Copy(t *testing.T, variable string, config any) *exec.Cmd {
	t.Helper()
	return child.Command(context.Background(), variable, config)
}

// Start starts cmd on a host. The process is killed when the test ends.
func Start[V any](t *testing.T, h *Host, name string, cmd *exec.Cmd) *Process[V] {
	t.Helper()
	p := &Process[V]{Name: name, t: t, cmd: cmd, ended: make(chan struct{}), more: make(chan struct{})}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Began = time.Now()
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.read(out)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-p.ended
	})
	return p
}

// read takes what the process prints until it ends.
func (p *Process[V]) read(out io.Reader) {
	for lines := json.NewDecoder(out); ; {
		var l Line[V]
		if lines.Decode(&l.Value) != nil { // the end, or the line in which it was killed
			return
		}
		l.At = time.Now()
		p.mu.Lock()
		p.lines = append(p.lines, l)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// Lines returns what the process has printed from a moment on.
func (p *Process[V]) Lines(from time.Time) []Line[V] {
	list, _ := p.since(0)
	for len(list) > 0 && list[0].At.Before(from) {
		list = list[1:]
	}
	return list
}

// since returns the lines from number n on, and what tells that there are more.
func (p *Process[V]) since(n int) ([]Line[V], <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[n:], p.more
}

// Until waits for a line that fits and came at or after a moment, and returns the first. It looks at each line once,
// from the beginning. The test fails if the process ends before, or if there is none for so long that a bound would not
// say more.
func (p *Process[V]) Until(what string, from time.Time, fits func(V) bool) Line[V] {
	p.t.Helper()
	timeout := time.After(Forever)
	for n := 0; ; {
		lines, more := p.since(n)
		for _, l := range lines {
			if !l.At.Before(from) && fits(l.Value) {
				return l
			}
		}
		n += len(lines)
		select {
		case <-more:
		case <-p.ended:
			if lines, _ := p.since(n); len(lines) == 0 {
				p.t.Fatalf("%s has ended (%v); waiting for: %s", p.Name, p.err, what)
			}
		case <-timeout:
			p.t.Fatalf("%s: not within %v: %s; since then it printed %+v", p.Name, Forever, what, p.Lines(from))
		}
	}
}

// Terminate asks the process to end, as a user does.
func (p *Process[V]) Terminate() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
}

// Signal sends the process a signal.
func (p *Process[V]) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// Wait waits until the process has ended, and returns what exec.Cmd.Wait says of that.
func (p *Process[V]) Wait() error {
	<-p.ended
	return p.err
}

// Within says that a test was late if what took longer than its bound and what a busy machine may add.
func Within(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	t.Logf("%s: %v", what, took.Round(time.Millisecond))
	if took > bound+Slack {
		Late(t, "%s took %v, want at most %v", what, took, bound)
	}
}

// NewLAN returns hosts 1 to n on a bridge, and their links. Prefixes has their addresses.
func NewLAN(t *testing.T, n int) (hosts []*Host, links []*Link) {
	t.Helper()
	bridge := NewBridge(t)
	for i := 1; i <= n; i++ {
		h := NewHost(t)
		hosts, links = append(hosts, h), append(links, h.Attach(bridge, "eth0", Prefixes(i)...))
	}
	return hosts, links
}

// IPv4 returns the IPv4 address of host n; see Prefixes.
func IPv4(n int) netip.Addr { return Prefixes(n)[0].Addr() }

// IPv6 returns the IPv6 address of host n, which is no link-local one.
func IPv6(n int) netip.Addr { return Prefixes(n)[1].Addr() }

// LinkLocal returns the link-local IPv6 address of host n, as a host sees it on an interface of that name.
func LinkLocal(n int, zone string) netip.Addr { return Prefixes(n)[2].Addr().WithZone(zone) }
