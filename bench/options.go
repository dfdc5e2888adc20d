package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/runner"
)

// options are what flags say.
type options struct {
	runners  []runner.Runner
	measures []measure.Measure
	passes   int
	time     time.Duration // of a measurement of calls
	json     string        // file, if not empty
	docs     string        // folder, if not empty
	profiles string        // folder, if not empty
}

// smokeTime is how long a measurement of calls lasts in a smoke run.
const smokeTime = 10 * time.Millisecond

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var runners, measures, only string
	var smoke bool
	flags.StringVar(&runners, "runners", "", "the runners, with commas; all if empty: "+names(runner.All, runnerName))
	flags.StringVar(&measures, "measures", "", "the measures, with commas; all if empty: "+names(measure.Measures, measureName))
	flags.StringVar(&only, "only", "", "only cases whose name contains this text, such as \"GOMAXPROCS 2, callers 64\"")
	flags.IntVar(&o.passes, "passes", 3, "how often each case is measured, medians are shown; what no bar needs is measured three times at most")
	flags.DurationVar(&o.time, "time", 800*time.Millisecond, "how long calls of one case are measured")
	flags.StringVar(&o.json, "json", "", "write all values to this file")
	flags.StringVar(&o.docs, "docs", "", "write charts and tables into this folder, which has a performance.md")
	flags.StringVar(&o.profiles, "profiles", "", "write a CPU profile of each case and runner into this folder")
	flags.BoolVar(&smoke, "smoke", false, "run everything once, at tiny counts: the figures say nothing")
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
	if smoke {
		o.passes, o.time = 1, smokeTime
	}
	cases := 0
	for i, m := range o.measures {
		o.measures[i].Cases = chooseCases(m.Cases, only, smoke)
		cases += len(o.measures[i].Cases)
	}
	if cases == 0 {
		return o, fmt.Errorf("no case has a name that contains %q", only)
	}
	return o, nil
}

// chooseCases returns the cases whose name contains a text; in a smoke run one of each kind, made small.
func chooseCases(cases []measure.Case, only string, smoke bool) (chosen []measure.Case) {
	kinds := make(map[string]bool)
	for _, c := range cases {
		if !strings.Contains(c.String(), only) || smoke && kinds[c.Things] {
			continue
		}
		kinds[c.Things] = true
		if smoke {
			c = c.Small()
		}
		chosen = append(chosen, c)
	}
	return chosen
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
