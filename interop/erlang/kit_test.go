package erlang_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"iter"
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

// statusGaveUp is the exit status of a peer whose supervisor gives up.
const statusGaveUp = 3

// compiled is the folder of the compiled modules, or why there is none.
var compiled = sync.OnceValues(func() (string, error) {
	for _, command := range []string{"escript", "erlc"} {
		if _, err := exec.LookPath(command); err != nil {
			return "", err
		}
	}
	check := exec.Command("erl", "-noshell", "-eval", `crypto:start(), halt(0).`)
	if output, err := check.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the crypto application of Erlang: %w: %s", err, output)
	}
	folder, err := os.MkdirTemp("", "peernet-beam-")
	if err != nil {
		return "", err
	}
	sources, err := filepath.Glob("*.erl")
	if err != nil {
		return "", err
	}
	output, err := exec.Command("erlc", append([]string{"-Wall", "-Werror", "-o", folder}, sources...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("erlc: %w: %s", err, output)
	}
	return folder, nil
})

// TestMain lets more tests run at once than there are processors: nearly all of their time they wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	status := m.Run()
	if folder, err := compiled(); err == nil {
		_ = os.RemoveAll(folder)
	}
	os.Exit(status)
}

// require skips the test where Erlang is missing, or fails it if PEERNET_TEST_REQUIRE holds erlang. It returns the folder of
// the compiled modules.
func require(t *testing.T) string {
	t.Helper()
	folder, err := compiled()
	if err == nil {
		return folder
	}
	if slices.Contains(strings.Split(os.Getenv("PEERNET_TEST_REQUIRE"), ","), "erlang") {
		t.Fatalf("Erlang: %v", err)
	}
	t.Skipf("Erlang: %v", err)
	return ""
}

// A beam is a peer on a BEAM: a process of its own, which README.md describes.
type beam struct {
	t       *testing.T
	keys    identity.KeyPair
	listens string // the address that nodes of it listen on, in Erlang
	port    int    // once it listens

	commands io.WriteCloser
	stderr   strings.Builder
	exited   chan error

	mu     sync.Mutex // guards what follows
	events []string   // not taken yet
	log    []string   // all, and the commands
	more   chan struct{}
	syncs  int
}

// startProcess starts a peer's process, without a node in it. The process ends with the test.
func startProcess(t *testing.T) *beam {
	t.Helper()
	return startProcessBy(t, (*exec.Cmd).Start)
}

// startProcessBy is startProcess with another way to start a command.
func startProcessBy(t *testing.T, start func(*exec.Cmd) error) *beam {
	t.Helper()
	folder := require(t)
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, "escript", "peer.escript")
	command.Env = append(os.Environ(), "ERL_FLAGS=-pa "+folder)
	b := &beam{t: t, listens: "{127,0,0,1}", exited: make(chan error, 1), more: make(chan struct{}, 1)}
	command.Stderr = &b.stderr
	commands, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	events, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := start(command); err != nil {
		t.Fatal(err)
	}
	b.commands = commands
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.listen(events)
		b.exited <- command.Wait()
		b.wake()
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			b.mu.Lock()
			defer b.mu.Unlock()
			t.Logf("the peer on the BEAM, %v:\n%s\n%s", b.keys.PublicKey(), strings.Join(b.log, "\n"), b.stderr.String())
		}
	})
	return b
}

// startBEAM starts a node in a process of its own, which listens on loopback.
func startBEAM(t *testing.T) *beam {
	t.Helper()
	b := startProcess(t)
	b.makeKeys()
	b.start(0)
	return b
}

// makeKeys gives the nodes that are started from now on fresh keys.
func (b *beam) makeKeys() {
	b.t.Helper()
	private := make([]byte, 32)
	rand.Read(private) // never fails
	keys, err := identity.NewKeyPair(private)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keys = keys
	b.do(`{key,"%x"}`, private)
}

// start starts the node, on that port or, if it is 0, on any.
func (b *beam) start(port int) {
	b.t.Helper()
	b.do("start")
	b.do("{listen,%s,%d}", b.listens, port)
	if _, err := fmt.Sscanf(b.await("{listening,"), "{listening,%d}", &b.port); err != nil {
		b.t.Fatal(err)
	}
}

// listen keeps the events.
func (b *beam) listen(events io.Reader) {
	for lines := bufio.NewReader(events); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		b.mu.Lock()
		b.events, b.log = append(b.events, line), append(b.log, line)
		b.mu.Unlock()
		b.wake()
	}
}

func (b *beam) wake() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// do writes a command.
func (b *beam) do(format string, args ...any) {
	b.t.Helper()
	line := fmt.Sprintf(format, args...)
	b.mu.Lock()
	b.log = append(b.log, "> "+line)
	b.mu.Unlock()
	if _, err := io.WriteString(b.commands, line+"\n"); err != nil {
		b.t.Fatalf("%s: %v: %s", line, err, b.stderr.String())
	}
}

// await waits for an event that begins so, and takes it.
func (b *beam) await(prefix string) string {
	b.t.Helper()
	late := time.After(patience)
	for {
		if line, ok := b.take(prefix); ok {
			return line
		}
		select {
		case <-b.more:
		case err := <-b.exited:
			b.exited <- err
			if line, ok := b.take(prefix); ok {
				return line
			}
			b.t.Fatalf("the peer on the BEAM ended, %v, before %s", err, prefix)
		case <-late:
			b.t.Fatalf("no event %s", prefix)
		}
	}
}

// take takes the first event that begins so, if there is one.
func (b *beam) take(prefix string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.events, func(line string) bool { return strings.HasPrefix(line, prefix) })
	if i < 0 {
		return "", false
	}
	line := b.events[i]
	b.events = slices.Delete(b.events, i, i+1)
	return line, true
}

// all returns the events that have begun so until now, taken or not.
func (b *beam) all(prefix string) iter.Seq[string] {
	b.mu.Lock()
	defer b.mu.Unlock()
	log := slices.Clone(b.log)
	return func(yield func(string) bool) {
		for _, line := range log {
			if strings.HasPrefix(line, prefix) && !yield(line) {
				return
			}
		}
	}
}

// count returns how many events have begun so until now.
func (b *beam) count(prefix string) int { return len(slices.Collect(b.all(prefix))) }

// sync returns when every command until now has been done.
func (b *beam) sync() {
	b.t.Helper()
	b.syncs++
	b.do("{sync,%d}", b.syncs)
	b.await(fmt.Sprintf("{synced,%d}", b.syncs))
}

// digits returns a key as commands and events have it.
func digits(key identity.PublicKey) string { return fmt.Sprintf(`"%x"`, key[:]) }
