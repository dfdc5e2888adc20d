// Command bench measures this node beside the floors and beside what a user would pick instead, on loopback, and prints medians
// with their ratios to the encrypted floor of the same pass. See docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/child"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/report"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/runner"
)

func main() {
	child.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// run is the command: results go to stdout, progress to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	found, err := o.measure(ctx, stderr)
	if err != nil {
		return err
	}
	for _, m := range o.measures {
		if err := found.WriteText(stdout, m); err != nil {
			return err
		}
	}
	return nil
}

// options are what flags say.
type options struct {
	runners  []runner.Runner
	measures []measure.Measure
	passes   int
	time     time.Duration // of a measurement of calls
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var runners, measures, only string
	flags.StringVar(&runners, "runners", "", "the runners, with commas; all if empty: "+names(runner.All, runnerName))
	flags.StringVar(&measures, "measures", "", "the measures, with commas; all if empty: "+names(measure.Measures, measureName))
	flags.StringVar(&only, "only", "", "only cases whose name holds this text, as \"GOMAXPROCS 2, 64 ×\"")
	flags.IntVar(&o.passes, "passes", 3, "how often each case is measured; medians are shown")
	flags.DurationVar(&o.time, "time", time.Second, "how long calls of one case are measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.passes < 1 || o.time <= 0 {
		return o, fmt.Errorf("-passes and -time must be positive")
	}
	if o.runners, err = choose("runner", runner.All, runnerName, runners); err != nil {
		return o, err
	}
	if o.measures, err = choose("measure", measure.Measures, measureName, measures); err != nil {
		return o, err
	}
	for i, m := range o.measures {
		o.measures[i].Cases = slices.DeleteFunc(slices.Clone(m.Cases), func(c measure.Case) bool {
			return !strings.Contains(c.String(), only)
		})
	}
	return o, nil
}

func runnerName(r runner.Runner) string    { return r.Name }
func measureName(m measure.Measure) string { return m.Name }

func names[T any](all []T, name func(T) string) string {
	var names []string
	for _, t := range all {
		names = append(names, name(t))
	}
	return strings.Join(names, ", ")
}

// choose returns those of all that list names, in the order of all.
func choose[T any](kind string, all []T, name func(T) string, list string) ([]T, error) {
	if list == "" {
		return slices.Clone(all), nil
	}
	wanted := strings.Split(list, ",")
	var chosen []T
	for _, t := range all {
		if i := slices.Index(wanted, name(t)); i >= 0 {
			chosen = append(chosen, t)
			wanted = slices.Delete(wanted, i, i+1)
		}
	}
	if len(wanted) > 0 {
		return nil, fmt.Errorf("there is no %s %q; there are %s", kind, wanted[0], names(all, name))
	}
	return chosen, nil
}

// measure runs the passes. Within a pass each case is measured for all runners in a row, so that a machine whose speed wanders
// slows them alike.
func (o options) measure(ctx context.Context, progress io.Writer) (*report.Report, error) {
	var titles []string
	for _, r := range o.runners {
		titles = append(titles, r.Title)
	}
	found := report.New(runner.All[0].Title, titles)
	steps, step := 0, 0
	for _, m := range o.measures {
		steps += len(m.Cases) * len(o.runners) * o.passes
	}
	for pass := range o.passes {
		for _, m := range o.measures {
			for _, c := range m.Cases {
				for _, r := range o.runners {
					step++
					fmt.Fprintf(progress, "\r\033[K%d/%d  pass %d: %s: %s", step, steps, pass+1, r.Title, c)
					if !r.Can(c) {
						continue
					}
					f, err := o.runChild(ctx, child.Task{Runner: r.Name, Case: c, Time: o.time})
					if err != nil {
						fmt.Fprintln(progress)
						return nil, fmt.Errorf("%s: %s: %w", r.Title, c, err)
					}
					found.Add(c, r.Title, f)
				}
			}
		}
	}
	fmt.Fprint(progress, "\r\033[K")
	return found, nil
}

// childTime is how long a child may take, besides what it measures.
const childTime = 2 * time.Minute

func (o options) runChild(ctx context.Context, t child.Task) (measure.Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, childTime+10*o.time)
	defer cancel()
	return child.Run(ctx, t)
}
