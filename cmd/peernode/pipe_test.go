package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
)

// noise returns n bytes that are the same in each run.
func noise(n int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), n) }

// TestPipeCarriesEverythingUnchanged sends 64 MiB, and a little back.
func TestPipeCarriesEverythingUnchanged(t *testing.T) {
	const size = 64<<20 + 12345
	c := newCouple(t)
	sums := make(chan []byte, 1)
	r, w := io.Pipe()
	go func() {
		sum := sha256.New()
		io.Copy(sum, r)
		sums <- sum.Sum(nil)
	}()
	listen := c.at(c.bob, "pipe", "--listen", "backup")
	listen.Stdout, listen.Stdin = w, strings.NewReader("thank you\n")
	c.listening(listen)

	want := sha256.New()
	dial := c.at(c.alice, "pipe", "bob", "backup")
	dial.Stdin = io.TeeReader(noise(size), want)
	dial.start(t).exits(t, 0)
	listen.exits(t, 0)
	w.Close()
	if got := <-sums; !bytes.Equal(got, want.Sum(nil)) {
		t.Errorf("got the checksum %x, want %x", got, want.Sum(nil))
	}
	if got := dial.out.String(); got != "thank you\n" {
		t.Errorf("got %q back", got)
	}
	if got := dial.err.String(); got != "" {
		t.Errorf("it says %q", got)
	}
}

// TestEachDirectionOfAPipeEndsByItself: the one that listens sends, to its end, before it gets anything.
func TestEachDirectionOfAPipeEndsByItself(t *testing.T) {
	c := newCouple(t)
	listen := c.at(c.bob, "pipe", "--listen", "x", "--quiet")
	listen.Stdin = strings.NewReader("first")
	listen.start(t)
	awaitHandler(t, c, "x")
	r, w := io.Pipe()
	ended, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dial := c.at(c.alice, "pipe", "bob", "x")
	dial.Stdin, dial.Stdout = r, out
	dial.start(t)
	out.Close()
	if text, err := io.ReadAll(ended); string(text) != "first" || err != nil { // its standard output ends before its standard input
		t.Errorf("got %q (%v)", text, err)
	}
	io.WriteString(w, "then")
	w.Close()
	dial.exits(t, 0)
	listen.exits(t, 0)
	if got := listen.out.String(); got != "then" {
		t.Errorf("got %q", got)
	}
	if got := listen.err.String(); got != "" {
		t.Errorf("it says %q in spite of --quiet", got)
	}
}

// awaitHandler waits until bob serves a name.
func awaitHandler(t *testing.T, c *couple, name string) {
	t.Helper()
	for end := time.Now().Add(waitTime); ; time.Sleep(pollTime) {
		_, err := control.Call.Ask(t.Context(), control.NewClient(c.alice), control.Request{Peer: "bob", Name: name})
		if e, ok := err.(*control.Error); ok && e.Code == "bad_args" { // a stream answers no call
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestPipeThatIsCutIsNoEnd kills each process of a pipe in its middle. Every other one ends, says so, and does not end well.
func TestPipeThatIsCutIsNoEnd(t *testing.T) {
	for _, c := range []struct {
		name                 string
		kill                 func(c *couple, dial, listen *process) *process
		dialSays, listenSays string // "": it is the one that is killed
		dialExit, listenExit int
		to                   string // where the bytes of the one that dials went
	}{
		{"the one that listens", func(_ *couple, _, l *process) *process { return l }, `the other end says: the reader of "x" has ended before all was read`, "", 1, -1, "the peer"},
		{"the one that dials", func(_ *couple, d, _ *process) *process { return d }, "", "the peer has broken off", -1, 1, ""},
		{"its node", func(c *couple, _, _ *process) *process { return c.nodes[c.alice] }, "the node has gone", "the peer has broken off", 3, 1, "the node"},
		{"the node of the one that listens", func(c *couple, _, _ *process) *process { return c.nodes[c.bob] }, "stream \"x\"", "the node has gone", 3, 3, "the peer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newCouple(t)
			listen := w.listening(w.at(w.bob, "pipe", "--listen", "x"))
			dial := w.at(w.alice, "pipe", "bob", "x")
			in, err := dial.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			dial.start(t)
			if _, err := io.WriteString(in, "half of a sent"); err != nil {
				t.Fatal(err)
			}
			listen.prints(t, "half of a sent")
			c.kill(w, dial, listen).Process.Kill()
			for _, end := range []struct {
				p     *process
				says  string
				exit  int
				bytes string
			}{{dial, c.dialSays, c.dialExit, "14 bytes went to " + c.to}, {listen, c.listenSays, c.listenExit, "14 bytes came"}} {
				if end.exit < 0 {
					continue
				}
				end.p.exits(t, end.exit)
				if got := end.p.err.String(); !strings.Contains(got, end.says) || !strings.Contains(got, end.bytes) {
					t.Errorf("%q says %q, want %q and how many bytes went", end.p.Args, got, end.says)
				}
			}
		})
	}
}

// TestPipeWhoseOutputIsClosedEnds closes the standard output of the one that listens.
func TestPipeWhoseOutputIsClosedEnds(t *testing.T) {
	c := newCouple(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	listen := c.at(c.bob, "pipe", "--listen", "x")
	listen.Stdout = w
	c.listening(listen)
	w.Close()
	dial := c.at(c.alice, "pipe", "bob", "x")
	dial.Stdin = noise(1 << 40) // it would not end
	dial.start(t)
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	listen.exits(t, 1)
	dial.exits(t, 1)
	if got := dial.err.String(); !strings.Contains(got, "has ended before all was read") {
		t.Errorf("the one that dials says %q", got)
	}
}

// TestInterruptEndsAPipe interrupts the one that dials while nobody reads at the other end.
func TestInterruptEndsAPipe(t *testing.T) {
	c := newCouple(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	listen := c.at(c.bob, "pipe", "--listen", "x", "--json")
	listen.Stdout = w
	listen.start(t).says(t, `"event":"exposed"`)
	w.Close()
	dial := c.at(c.alice, "pipe", "bob", "x", "--json")
	dial.Stdin = noise(1 << 40)
	dial.start(t).says(t, `"event":"opened"`)
	dial.Process.Signal(os.Interrupt)
	dial.exits(t, 1)
	dial.says(t, "peernode: interrupted")
	r.Close() // it would wait for its reader
	listen.exits(t, 1)
	var closed control.Event
	line, _, _ := strings.Cut(dial.err.String()[strings.Index(dial.err.String(), `{"event":"closed"`):], "\n")
	if err := json.Unmarshal([]byte(line), &closed); err != nil || closed.Error == nil || closed.Error.Code != "interrupted" || closed.BytesOut == nil {
		t.Errorf("got %s (%v)", line, err)
	}
}

// TestInterruptEndsAPipeThatNobodyReads interrupts the one that dials while its standard output is stalled.
func TestInterruptEndsAPipeThatNobodyReads(t *testing.T) {
	c := newCouple(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	listen := c.at(c.bob, "pipe", "--listen", "x")
	listen.Stdin = noise(1 << 40)
	c.listening(listen)
	dial := c.at(c.alice, "pipe", "bob", "x")
	dial.Stdout = w
	dial.start(t)
	w.Close()
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	dial.Process.Signal(os.Interrupt)
	dial.exits(t, 1)
	listen.exits(t, 1)
}

// TestNodeStopsWithItsPipes interrupts a node that carries one pipe and waits for another.
func TestNodeStopsWithItsPipes(t *testing.T) {
	c := newCouple(t)
	listen := c.listening(c.at(c.bob, "pipe", "--listen", "x"))
	waiting := c.listening(c.at(c.alice, "pipe", "--listen", "y"))
	dial := c.at(c.alice, "pipe", "bob", "x")
	dial.Stdin = noise(1 << 40)
	dial.start(t)
	listen.says(t, "alice")
	c.nodes[c.alice].stops(t)
	for _, p := range []*process{dial, waiting} {
		p.exits(t, 3)
		if got := p.err.String(); !strings.Contains(got, "the node is stopping") {
			t.Errorf("%q says %s", p.Args, got)
		}
	}
	listen.exits(t, 1)
}

// TestPipeWithoutInputOrOutput: an empty input is an end like any other.
func TestPipeWithoutInputOrOutput(t *testing.T) {
	c := newCouple(t)
	listen := c.listening(c.at(c.bob, "pipe", "--listen", "x"))
	dial := c.at(c.alice, "pipe", "bob", "x", "--json").start(t)
	dial.exits(t, 0)
	listen.exits(t, 0)
	if got := dial.err.String(); !strings.Contains(got, `"bytes_in":0,"bytes_out":0`) {
		t.Errorf("got %s", got)
	}
}

// TestPipeOfAnySize carries the bytes that PEERNET_PIPE_BYTES says, 2 GiB for instance, and prints how much memory each process has
// at every 256 MiB:
//
//	PEERNET_PIPE_BYTES=2147483648 go test -run TestPipeOfAnySize -v ./cmd/peernode
func TestPipeOfAnySize(t *testing.T) {
	var size int64
	if _, err := fmt.Sscan(os.Getenv("PEERNET_PIPE_BYTES"), &size); err != nil {
		t.Skip("PEERNET_PIPE_BYTES is not set")
	}
	c := newCouple(t)
	listen := c.at(c.bob, "pipe", "--listen", "x")
	dial := c.at(c.alice, "pipe", "bob", "x")
	names := []string{"dial", "its node", "the other node", "listen"}
	all := []*process{dial, c.nodes[c.alice], c.nodes[c.bob], listen}
	sum, done := sha256.New(), make(chan struct{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	listen.Stdout = w
	c.listening(listen)
	w.Close()
	begun := time.Now()
	go func() {
		defer close(done)
		const step = 256 << 20
		for passed := int64(0); ; passed += step {
			n, err := io.CopyN(sum, r, step)
			text := ""
			for i, p := range all {
				text += fmt.Sprintf("  %s %d MiB", names[i], resident(p)>>20)
			}
			t.Logf("%5d MiB:%s", (passed+n)>>20, text)
			if err != nil {
				return
			}
		}
	}()
	want := sha256.New()
	dial.Stdin = io.TeeReader(noise(size), want)
	dial.start(t).exits(t, 0)
	listen.exits(t, 0)
	<-done
	t.Logf("%.0f MB/s, with the checksums", float64(size)/1e6/time.Since(begun).Seconds())
	if !bytes.Equal(sum.Sum(nil), want.Sum(nil)) {
		t.Error("the checksums differ")
	}
}

// resident returns how many bytes of memory a process has, where the system tells.
func resident(p *process) (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.Process.Pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize())
}
