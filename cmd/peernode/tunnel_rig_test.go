package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/datadir"
	"github.com/seed-f6ddb928/peernet-go/identity"
	"github.com/seed-f6ddb928/peernet-go/trust"
)

// A process is a peernode of its own. What it prints can be read while it runs.
type process struct {
	*exec.Cmd
	out, err buffer
	ended    chan struct{} // closed when it has ended
}

// A buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newProcess returns a peernode that is not started: this test binary, which TestMain makes the command. It is killed when the test
// ends.
func newProcess(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self), ended: make(chan struct{})}
	p.Args = append([]string{"peernode"}, args...)
	p.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=10", datadir.Variable+"=")
	p.Stdout, p.Stderr = &p.out, &p.err
	return p
}

func (p *process) start(t *testing.T) *process {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.Wait()
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.ended
	})
	return p
}

// exits fails unless the process ends with the exit code.
func (p *process) exits(t *testing.T, code int) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(waitTime):
		t.Fatalf("%q has not ended; it says:\n%s", p.Args, p.err.String())
	}
	if got := p.ProcessState.ExitCode(); got != code {
		t.Fatalf("%q ended with exit code %d, want %d; it says:\n%s", p.Args, got, code, p.err.String())
	}
}

// says waits until the process has printed text to standard error.
func (p *process) says(t *testing.T, text string) { t.Helper(); await(t, &p.err, text) }

// prints waits until the process has printed text to standard output.
func (p *process) prints(t *testing.T, text string) { t.Helper(); await(t, &p.out, text) }

func await(t *testing.T, b *buffer, text string) {
	t.Helper()
	for end := time.Now().Add(waitTime); !strings.Contains(b.String(), text); time.Sleep(pollTime) {
		if time.Now().After(end) {
			t.Fatalf("waited for %q, got:\n%s", text, b.String())
		}
	}
}

// A couple is two nodes, each a process, that trust each other and are connected.
type couple struct {
	t          *testing.T
	alice, bob string // their directories
	nodes      map[string]*process
}

// newCouple starts alice and bob; flags are more flags of bob's run.
func newCouple(t *testing.T, flags ...string) *couple {
	t.Helper()
	c := &couple{t, t.TempDir(), t.TempDir(), make(map[string]*process)}
	keys := make(map[string]identity.PublicKey)
	for _, dir := range []string{c.alice, c.bob} {
		key, _, err := identity.LoadOrCreate(filepath.Join(dir, datadir.IdentityFile), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[dir] = key.PublicKey()
	}
	pair := func(dir, other, label string) {
		set, err := trust.Open(filepath.Join(dir, datadir.PeersFile))
		if err == nil {
			err = set.Add(trust.Peer{Key: keys[other], Label: label})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	pair(c.alice, c.bob, "bob")
	pair(c.bob, c.alice, "alice")
	keys["carol"] = testKey(t, carolKey) // she does not run
	pair(c.bob, "carol", "carol")
	run := []string{"run", "--discovery", "none", "--listen", "127.0.0.1:0"}
	c.nodes[c.alice] = c.at(c.alice, run...).start(t)
	c.nodes[c.bob] = c.at(c.bob, append(run, flags...)...).start(t)
	for _, p := range c.nodes {
		p.prints(t, "control ")
	}
	node, err := control.GetNode.Ask(t.Context(), control.NewClient(c.bob), control.Request{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = control.Connect.Ask(t.Context(), control.NewClient(c.alice), control.Request{Peer: "bob", Addresses: node.Addresses[:1]})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns a peernode that works on a directory.
func (c *couple) at(dir string, args ...string) *process {
	c.t.Helper()
	return newProcess(c.t, append(args, "--data-dir", dir)...)
}

// listening returns a pipe --listen that waits for a peer.
func (c *couple) listening(p *process) *process {
	c.t.Helper()
	p.start(c.t).says(c.t, "waiting for a peer that opens ")
	return p
}

// stops fails unless a process ends well when it is interrupted.
func (p *process) stops(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.exits(t, 0)
}
