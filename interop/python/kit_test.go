// Package python_test has Go nodes talk to the peer in Python beside it, which is written from docs/wire.md alone: where the
// two agree, the page says enough.
package python_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/identity"
)

// patience is how long a test waits for something that takes milliseconds on an idle machine.
const patience = time.Minute

// interpreter is the Python that has what the peer needs, or why there is none.
var interpreter = sync.OnceValues(func() (string, error) {
	var failures error
	for _, command := range []string{"python3", "/usr/bin/python3"} { // the first may not be the system's
		check := exec.Command(command, "-c", "import sys, cryptography, msgpack; assert sys.version_info >= (3, 11)")
		output, err := check.CombinedOutput()
		if err == nil {
			return command, nil
		}
		failures = errors.Join(failures, fmt.Errorf("%s: %w: %s", command, err, output))
	}
	return "", failures
})

// require skips the test where Python or its packages are missing, or fails it if PEERNET_TEST_REQUIRE holds python. It returns
// the command.
func require(t *testing.T) string {
	t.Helper()
	command, err := interpreter()
	if err == nil {
		return command
	}
	if slices.Contains(strings.Split(os.Getenv("PEERNET_TEST_REQUIRE"), ","), "python") {
		t.Fatalf("Python: %v", err)
	}
	t.Skipf("Python: %v", err)
	return ""
}

// run returns the command that runs Python with these arguments. The process ends with ctx.
func run(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(ctx, require(t), append([]string{"-B"}, args...)...) // -B: no compiled files beside the sources
}

// A python is a peer in Python: a process that takes commands, see script.py.
type python struct {
	t    *testing.T
	key  identity.PublicKey
	port int // where it listens

	commands io.WriteCloser
	stderr   strings.Builder
	last     int // number of the last command

	mu    sync.Mutex // guards what follows
	lines []line     // not taken yet
	log   []string
	ended bool
	more  chan struct{}
}

// A line is what the peer prints: the answer to a command, or an event.
type line struct {
	N      int               `json:"n"`
	Result json.RawMessage   `json:"result"`
	Error  string            `json:"error"`
	Text   string            `json:"text"`
	Data   []json.RawMessage `json:"data"`
	Sent   bool              `json:"sent"`

	Event  string             `json:"event"`
	Port   int                `json:"port"`
	Key    identity.PublicKey `json:"key"`
	Peer   string             `json:"peer"`
	Role   string             `json:"role"`
	Reason string             `json:"reason"`
	ByPeer bool               `json:"by_peer"`
	Name   string             `json:"name"`
	Args   json.RawMessage    `json:"args"`
}

// fields are those of a command besides its number and its name.
type fields map[string]any

// startPython starts a peer that listens on loopback and trusts these keys. The process ends with the test.
func startPython(t *testing.T, trusted []identity.PublicKey, options ...string) *python {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	args := []string{"peer.py", "listen", "127.0.0.1:0", "--script", "--identity", filepath.Join(t.TempDir(), "identity.pem")}
	for _, key := range trusted {
		args = append(args, "--trust", key.String())
	}
	command := run(ctx, t, append(args, options...)...)
	p := &python{t: t, more: make(chan struct{}, 1)}
	command.Stderr = &p.stderr
	commands, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p.commands = commands
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read(output)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("the peer in Python, %v:\n%s\n%s", p.key, strings.Join(p.log, "\n"), p.stderr.String())
		} else if strings.Contains(p.stderr.String(), "Traceback") {
			t.Errorf("the peer in Python says\n%s", p.stderr.String())
		}
	})
	listening := p.await("listening", func(l line) bool { return l.Event == "listening" })
	p.key, p.port = listening.Key, listening.Port
	return p
}

// read keeps the lines.
func (p *python) read(output io.Reader) {
	for r := bufio.NewReader(output); ; {
		raw, err := r.ReadString('\n')
		p.mu.Lock()
		var l line
		if err == nil {
			p.log = append(p.log, shortened(strings.TrimSuffix(raw, "\n")))
			if err := json.Unmarshal([]byte(raw), &l); err != nil {
				p.log = append(p.log, "! "+err.Error())
			}
			p.lines = append(p.lines, l)
		}
		p.ended = err != nil
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// shortened returns a line as a log should have it.
func shortened(text string) string { return text[:min(len(text), 300)] }

// await waits for the first line that is as wanted, and takes it.
func (p *python) await(what string, wanted func(line) bool) line {
	p.t.Helper()
	for late := time.After(patience); ; {
		p.mu.Lock()
		i, ended := slices.IndexFunc(p.lines, wanted), p.ended
		if i >= 0 {
			l := p.lines[i]
			p.lines = slices.Delete(p.lines, i, i+1)
			p.mu.Unlock()
			return l
		}
		p.mu.Unlock()
		if ended {
			p.t.Fatalf("the peer in Python ended before %s", what)
		}
		select {
		case <-p.more:
		case <-time.After(20 * time.Millisecond): // another goroutine may have taken the signal
		case <-late:
			p.t.Fatalf("no %s", what)
		}
	}
}

// event waits for an event of that kind.
func (p *python) event(kind string) line {
	p.t.Helper()
	return p.await(kind, func(l line) bool { return l.Event == kind })
}

// start begins a command and returns its number.
func (p *python) start(do string, f fields) int {
	p.t.Helper()
	p.last++
	command := fields{"n": p.last, "do": do}
	for name, value := range f {
		command[name] = value
	}
	raw, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.log = append(p.log, "> "+shortened(string(raw)))
	p.mu.Unlock()
	if _, err := p.commands.Write(append(raw, '\n')); err != nil {
		p.t.Fatalf("%s: %v: %s", raw, err, p.stderr.String())
	}
	return p.last
}

// answer waits for the answer to a command.
func (p *python) answer(n int) line {
	p.t.Helper()
	return p.await(fmt.Sprintf("answer to command %d", n), func(l line) bool { return l.N == n })
}

// try carries a command out and returns its answer.
func (p *python) try(do string, f fields) line {
	p.t.Helper()
	return p.answer(p.start(do, f))
}

// do carries a command out and returns its result as JSON. The test ends if it fails.
func (p *python) do(do string, f fields) string {
	p.t.Helper()
	a := p.try(do, f)
	if a.Error != "" {
		p.t.Fatalf("%s %v: %s: %s", do, f, a.Error, a.Text)
	}
	return string(a.Result)
}

// addr returns where the peer listens.
func (p *python) addr() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// bin is a value of that many zero bytes, as commands and answers have it.
func bin(n int) fields { return fields{"bytes": n} }

// jsonOf is a value that is JSON already.
func jsonOf(text string) json.RawMessage { return json.RawMessage(text) }
