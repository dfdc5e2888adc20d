// Package child runs one measurement in a process of its own, which is this program again: what an earlier one left behind, heap,
// pools and goroutines, does not weigh on the next.
package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/line"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/runner"
)

// A Task is what a child does.
type Task struct {
	Runner string
	Case   measure.Case
	Time   time.Duration // of a measurement of calls
	Serve  bool          // be the responder of Runner for another process, and nothing else

	// Profile is the file that a CPU profile of the measurement is written to, if not empty.
	Profile string
}

// variable holds the Task of a child in its environment.
const variable = "PEERNET_BENCH_TASK"

// Main does the task of this process, if it is a child, and ends the process. Otherwise it returns.
func Main() {
	text, isChild := os.LookupEnv(variable)
	if !isChild {
		return
	}
	var t Task
	err := json.Unmarshal([]byte(text), &t)
	if err == nil {
		err = t.do()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// command returns the command of a child that does t.
func (t Task) command(ctx context.Context) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, program)
	c.Env = append(os.Environ(), variable+"="+string(text))
	c.WaitDelay = time.Second
	if t.Case.Measure == measure.MeetName {
		isolate(c)
	}
	return c, nil
}

// Run has a child do t and returns the figures that it found. The error holds what the child said about its end.
func Run(ctx context.Context, t Task) (measure.Figures, error) {
	c, err := t.command(ctx)
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the child did not end in time: %s", beginning(said.String()))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, beginning(said.String()))
	}
	var f measure.Figures
	if err := json.Unmarshal(out, &f); err != nil {
		return nil, fmt.Errorf("a child's figures: %w", err)
	}
	return f, nil
}

// beginning cuts what a child said to what it said first.
func beginning(said string) string {
	const room = 500
	return strings.TrimSpace(said[:min(len(said), room)])
}

// do does t in this process.
func (t Task) do() error {
	r, err := runner.Find(t.Runner)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(t.Case.Procs)
	if t.Serve {
		return serve(r)
	}
	if t.Profile != "" {
		stop, err := profile(t.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	f, err := t.measure(r)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// profile writes a CPU profile to a file until stop is called.
func profile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

// measure measures the case.
func (t Task) measure(r runner.Runner) (measure.Figures, error) {
	switch t.Case.Measure {
	case measure.SessionsName, measure.SpreadName:
		o, err := r.Open(t.Case.Count)
		if err != nil {
			return nil, err
		}
		defer o.Close()
		if t.Case.Measure == measure.SpreadName {
			return measure.Spread(o, t.Case.Callers, t.Case.Count, t.Case.Size, t.Time)
		}
		return measure.Sessions(o, t.Case.Workers, t.Case.Count)
	case measure.GrowthName, measure.MeshName:
		return r.Grow(t.Case, t.Time)
	case measure.MeetName:
		if err := joinLAN(); err != nil {
			return nil, err
		}
		return r.Grow(t.Case, t.Time)
	case measure.ProcessesName:
		return t.apart(r)
	}
	at, stop, err := r.Serve()
	if err != nil {
		return nil, err
	}
	defer stop()
	if t.Case.Measure == measure.LineName {
		return t.overLine(r, at)
	}
	client, err := r.Dial(at)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if t.Case.Measure == measure.StreamsName {
		return measure.Streams(client.(measure.Streamer), t.Case.Callers, t.Case.Size, t.Case.Things != "", t.Time)
	}
	return measure.Calls([]measure.Client{client}, t.Case.Callers, t.Case.Size, t.Time, nil)
}

const (
	lineBits = 50e6 // bits per second of the line, in each direction
	lineTime = 5    // a measurement over the line takes lineTime times as long as one without it
)

// overLine measures a small call beside bulk over a slow line.
func (t Task) overLine(r runner.Runner, at runner.Endpoint) (measure.Figures, error) {
	l, err := line.New(at.Address, lineBits)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	at.Address = l.Address()
	client, err := r.Dial(at)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return measure.Line(client, t.Case.Callers, t.Case.Size, lineTime*t.Time)
}

// apart measures calls to a responder in another process.
func (t Task) apart(r runner.Runner) (measure.Figures, error) {
	t.Serve, t.Profile = true, ""
	c, err := t.command(context.Background())
	if err != nil {
		return nil, err
	}
	c.Stderr = os.Stderr
	ask, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	told, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	defer c.Wait()
	defer ask.Close()
	answers := json.NewDecoder(told)
	var at runner.Endpoint
	if err := answers.Decode(&at); err != nil {
		return nil, fmt.Errorf("the responder's process: %w", err)
	}
	client, err := r.Dial(at)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	usage := func() (cpu time.Duration, err error) {
		if _, err = io.WriteString(ask, "cpu\n"); err == nil {
			err = answers.Decode(&cpu)
		}
		return cpu, err
	}
	return measure.Calls([]measure.Client{client}, t.Case.Callers, t.Case.Size, t.Time, usage)
}

// serve is a responder. It prints its endpoint, then its CPU time for each line that it reads, and ends with its input.
func serve(r runner.Runner) error {
	at, stop, err := r.Serve()
	if err != nil {
		return err
	}
	answers := json.NewEncoder(os.Stdout)
	if err = answers.Encode(at); err == nil {
		for lines := bufio.NewScanner(os.Stdin); err == nil && lines.Scan(); {
			err = answers.Encode(measure.CPUTime())
		}
	}
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	stop()
	return err
}
