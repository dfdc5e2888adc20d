package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-f6ddb928/peernet-go/cmd/peernode/internal/output"
)

// A screen is a buffer that is a terminal if line is one.
type screen struct {
	buffer
	line *os.File
}

func (s *screen) Fd() uintptr {
	if s.line == nil {
		return ^uintptr(0)
	}
	return s.line.Fd()
}

// newPiper returns a piper whose standard input, output and error are terminals or not, and its standard error.
func newPiper(t *testing.T, line *os.File, in, out, err bool) (*piper, *screen) {
	stream := func(isTerminal bool) *screen {
		if isTerminal {
			return &screen{line: line}
		}
		return &screen{}
	}
	said := stream(err)
	forever := context.Background()
	p := &piper{app: newApp(nil, output.NewStream(forever, stream(out), nil), output.NewStream(forever, said, nil))}
	if in {
		p.in = line
	} else {
		p.in = strings.NewReader("")
	}
	return p, said
}

// TestProgressIsForAPersonWhoWatches: a terminal at standard error shows it, unless the person types the stream, or wants no line.
func TestProgressIsForAPersonWhoWatches(t *testing.T) {
	_, line := openTerminal(t)
	defer line.Close()
	for _, c := range []struct {
		in, out, err, quiet, json, want bool
	}{
		{err: true, want: true},
		{err: true, in: true, want: true},
		{err: true, out: true, want: true},
		{err: true, in: true, out: true}, // a conversation
		{err: true, quiet: true},
		{err: true, json: true},
		{},
		{in: true, out: true},
	} {
		p, said := newPiper(t, line, c.in, c.out, c.err)
		p.quiet, p.out.JSON = c.quiet, c.json
		synctest.Test(t, func(t *testing.T) {
			p.begun = time.Now()
			g := p.newProgress()
			g.start()
			time.Sleep(10 * progressTime)
			synctest.Wait()
			g.stop()
		})
		if got := said.String(); (got != "") != c.want {
			t.Errorf("%+v: it shows %q", c, got)
		}
	}
}

// TestProgressLines reads what a person sees at each moment.
func TestProgressLines(t *testing.T) {
	_, line := openTerminal(t)
	defer line.Close()
	p, said := newPiper(t, line, false, false, true)
	synctest.Test(t, func(t *testing.T) {
		shows := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := said.String(); !strings.HasSuffix(got, clearLine+want) {
				t.Errorf("it shows %q, want %q", got, want)
			}
		}
		g := p.newProgress()
		g.stop() // no stream was opened
		if got := said.String(); got != "" {
			t.Errorf("without a stream it shows %q", got)
		}
		p.begun = time.Now()
		g.start()
		p.bytesOut.Add(1_200_000)
		time.Sleep(progressTime + time.Millisecond)
		shows("0 B in, 1.2 MB out, 2.4 MB/s, 0s")
		p.bytesIn.Add(500)
		time.Sleep(progressTime)
		shows("500 B in, 1.2 MB out, 1.0 kB/s, 1s")
		time.Sleep(progressTime) // nothing moves
		shows("500 B in, 1.2 MB out, 0 B/s, 1s")
		p.bytesOut.Add(800_000)
		time.Sleep(499 * time.Millisecond)
		g.stop()
		shows("500 B in, 2.0 MB out, 1.0 MB/s, 2s\n") // of the whole
	})
}

// TestProgressMakesRoomForTheStream: where standard output is a terminal, the line ends before bytes of the stream are written.
func TestProgressMakesRoomForTheStream(t *testing.T) {
	_, line := openTerminal(t)
	defer line.Close()
	p, said := newPiper(t, line, false, true, true)
	synctest.Test(t, func(t *testing.T) {
		p.begun = time.Now()
		g := p.newProgress()
		g.start()
		time.Sleep(progressTime)
		synctest.Wait()
		g.clear()
		shown := said.String()
		if !strings.HasSuffix(shown, clearLine) {
			t.Errorf("it leaves %q", shown)
		}
		time.Sleep(10 * progressTime)
		g.clear()
		g.stop()
		if got := said.String(); got != shown {
			t.Errorf("then it shows %q", got)
		}
	})
}

// TestPipeAtATerminal runs pipe with a terminal as its standard error, and nothing else there.
func TestPipeAtATerminal(t *testing.T) {
	c := newCouple(t)
	for flag, want := range map[string]string{"": "0 B in, 300.0 kB out, ", "--quiet": "", "--json": `"event":"closed"`} {
		name := "x" + flag
		listen := c.listening(c.at(c.bob, "pipe", "--listen", name))
		keys, line := openTerminal(t)
		args := []string{"pipe", "bob", name}
		if flag != "" {
			args = append(args, flag)
		}
		dial := c.at(c.alice, args...)
		dial.Stdin, dial.Stderr = noise(300_000), line
		dial.start(t)
		line.Close()
		shown, _ := io.ReadAll(keys) // fails at its end
		keys.Close()
		dial.exits(t, 0)
		listen.exits(t, 0)
		switch got := string(shown); {
		case flag == "--quiet" && got != "", !strings.Contains(got, want), strings.Contains(got, clearLine) != (flag == ""):
			t.Errorf("with %q it shows %q", flag, got)
		case flag == "" && !strings.HasSuffix(strings.TrimRight(got, "\r\n"), "s"):
			t.Errorf("it ends with %q", got)
		}
	}
}
