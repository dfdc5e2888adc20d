package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/control"
	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/failure"
)

// A terminal is a pseudo-terminal with a person at it, and a peernode.
type terminal struct {
	*process
	keys   *os.File // what the person types, and sees
	screen buffer
	seen   int // how much of it sees has taken
}

// atTerminal starts a peernode at a terminal of its own.
func atTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	keys, line := openTerminal(t)
	p := newProcess(t, args...)
	p.Stdin, p.Stdout, p.Stderr = line, line, line
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that Ctrl-C is a signal
	term := &terminal{process: p, keys: keys}
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		_, _ = io.Copy(&term.screen, keys) // the terminal fails once its program has ended
	}()
	t.Cleanup(func() { keys.Close(); <-seen })
	p.start(t)
	line.Close()
	return term
}

// openTerminal returns the two ends of a pseudo-terminal.
func openTerminal(t *testing.T) (keys, line *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skipf("no pseudo-terminals: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	var number int
	raw, err := keys.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) {
			failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
			if failed == nil {
				number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
			}
		})
		err = errors.Join(err, failed)
	}
	if err == nil {
		line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		keys.Close()
		t.Fatal(err)
	}
	return keys, line
}

// sees waits until there is text on the screen, below what was waited for before.
func (p *terminal) sees(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(waitTime); ; time.Sleep(pollTime) {
		screen := p.screen.String()
		if at := strings.Index(screen[p.seen:], text); at >= 0 {
			p.seen += at + len(text)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited for %q, the screen is:\n%s", text, screen)
		}
	}
}

// types types text at the prompt for a code. Enter is \n.
func (p *terminal) types(t *testing.T, text string) {
	t.Helper()
	p.sees(t, "code: ")
	if _, err := p.keys.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// strangers starts two nodes that do not trust each other, and returns where the first one listens.
func strangers(t *testing.T) (alice, bob *process, at string) {
	t.Helper()
	for _, p := range []**process{&alice, &bob} {
		dir := t.TempDir()
		*p = newProcess(t, "run", "--discovery", "none", "--listen", "127.0.0.1:0", "--log-level", "debug", "--data-dir", dir)
		(*p).start(t).prints(t, "control ")
		(*p).Dir = dir
	}
	node, err := control.GetNode.Ask(t.Context(), control.NewClient(alice.Dir), control.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return alice, bob, node.Addresses[0]
}

// offerAt shows a code, and returns its number and its words, of which neither is part of the other.
func offerAt(t *testing.T, dir string) (offer *process, code []string) {
	t.Helper()
	for {
		offer = newProcess(t, "pair", "--data-dir", dir, "--label", "bob").start(t)
		offer.prints(t, "\n")
		code = strings.Split(strings.TrimSpace(offer.out.String()), "-")
		if !strings.Contains(code[1], code[2]) && !strings.Contains(code[2], code[1]) {
			return offer, code
		}
		if err := offer.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		offer.exits(t, failure.ExitFailed)
	}
}

func TestAPersonMistypesACodeAtATerminal(t *testing.T) {
	alice, bob, at := strangers(t)
	offer, code := offerAt(t, alice.Dir)
	number, first, second := code[0], code[1], code[2]

	join := atTerminal(t, "pair", "--join", "--at", at, "--data-dir", bob.Dir, "--label", "alice")
	join.types(t, "\n")
	join.sees(t, "not a pairing code")
	join.types(t, number+"-"+first+"\n")
	join.sees(t, "two words follow the number")
	join.types(t, number+" "+first+first[len(first)-1:]+" "+second+"\n")
	join.sees(t, `is it "`+first+`"?`)
	join.types(t, number+" "+first+" "+second[1:]+"\n")
	join.sees(t, `is it "`+second+`"?`)
	if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", join.Process.Pid)); err != nil || strings.Contains(string(args), second) {
		t.Errorf("the list of processes has %q, %v", args, err)
	}
	// In capitals, with an x that is wiped out, and without hyphens.
	join.types(t, "x\x7f"+strings.ToUpper(number+" "+first+" "+second)+"\n")
	join.exits(t, failure.ExitDone)
	join.sees(t, "connected to alice (pnet1")
	offer.exits(t, failure.ExitDone)
	offer.prints(t, "connected to bob (pnet1")

	screen := join.screen.String()
	if n := strings.Count(screen, "code: ") - strings.Count(screen, "pairing code: "); n != 5 {
		t.Errorf("the prompt was there %d times:\n%s", n, screen)
	}
	screen = strings.ReplaceAll(screen, "42-otter-velvet", "") // the code may have a word of the example
	// What was typed is on the screen once, as the terminal's echo, and the words that were meant.
	for word, times := range map[string]int{first: 4 + 1, second: 1 + 1, strings.ToUpper(second): 1} {
		if n := strings.Count(screen, word); n != times {
			t.Errorf("%q is on the screen %d times, want %d:\n%s", word, n, times, screen)
		}
	}
	for name, said := range map[string]string{
		"alice's node": alice.out.String() + alice.err.String(), "bob's node": bob.out.String() + bob.err.String(), "pair": offer.err.String(),
	} {
		hint := "on the other node run: peernode pair " + strings.Join(code, "-")
		if said = strings.Replace(said, hint, "", 1); strings.Contains(said, first) || strings.Contains(said, second) {
			t.Errorf("%s says the words of the code:\n%s", name, said)
		}
	}
}

func TestAPersonGivesUpAtTheTerminal(t *testing.T) {
	_, bob, at := strangers(t)
	for _, c := range []struct {
		name, keys, says string
		code             int
	}{
		{"Ctrl-C", "42-otter-vel\x03", "\npeernode: interrupted", failure.ExitFailed},
		{"Ctrl-D", "\x04", "\npeernode: pair: standard input has no code", failure.ExitUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			join := atTerminal(t, "pair", "--join", "--at", at, "--data-dir", bob.Dir)
			join.types(t, c.keys)
			join.sees(t, c.says)
			join.exits(t, c.code)
		})
	}
}
