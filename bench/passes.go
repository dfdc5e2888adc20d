package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/child"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/report"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/runner"
)

// A step is one case of one runner.
type step struct {
	runner runner.Runner
	c      measure.Case
	err    error // why it is not tried again
}

// fewPasses is how often at most is measured what no bar needs: five passes of everything would take most of an hour.
const fewPasses = 3

// isDue says whether the step is measured in a pass, counted from 0.
func (s step) isDue(pass int) bool {
	isEnd := s.runner.Name == runner.Floor.Name || s.runner.Name == runner.Node.Name
	return pass < fewPasses || isEnd && report.HasBar(s.c)
}

// countDue returns how many measurements there are in all passes.
func (o options) countDue(steps []step) (n int) {
	for pass := range o.passes {
		for _, s := range steps {
			if s.isDue(pass) {
				n++
			}
		}
	}
	return n
}

func (s step) String() string { return s.runner.Title + ": " + s.c.String() }

// steps returns those of a pass. Each case is measured for all runners in a row, so that a machine whose speed wanders slows them
// alike.
func (o options) steps() (steps []step) {
	for _, m := range o.measures {
		for _, c := range m.Cases {
			for _, r := range o.runners {
				if r.Can(c) {
					steps = append(steps, step{runner: r, c: c})
				}
			}
		}
	}
	return steps
}

// measure runs the passes. A step that fails is not tried again, and the error names it.
func (o options) measure(ctx context.Context, progress io.Writer) (*report.Report, error) {
	var titles []string
	for _, r := range o.runners {
		titles = append(titles, r.Title)
	}
	found := report.New(runner.Floor.Title, runner.Node.Title, titles)
	steps := skipMeeting(o.steps(), progress)
	began, all, n := time.Now(), o.countDue(steps), 0
	for pass := range o.passes {
		for i := range steps {
			s := &steps[i]
			if ctx.Err() != nil {
				return found, ctx.Err()
			}
			if !s.isDue(pass) {
				continue // nor in a later one
			}
			if n++; s.err != nil {
				found.Add(s.c, s.runner.Title, nil) // so that later passes of others are compared with this one's
				continue
			}
			fmt.Fprintf(progress, "\r\033[K%d s  %d/%d  %s", int(time.Since(began).Seconds()), n, all, s)
			f, err := o.runChild(ctx, s)
			if err != nil {
				s.err = fmt.Errorf("%s: %w", s, err)
				fmt.Fprintf(progress, "\r\033[K%v\n", s.err)
			}
			found.Add(s.c, s.runner.Title, f)
		}
	}
	fmt.Fprintf(progress, "\r\033[K")
	var failed []error
	for _, s := range steps {
		failed = append(failed, s.err)
	}
	return found, errors.Join(failed...)
}

// skipMeeting leaves out what needs a network of its own, and says why, where none can be made.
func skipMeeting(steps []step, progress io.Writer) []step {
	meets := func(s step) bool { return s.c.Measure == measure.MeetName }
	if !slices.ContainsFunc(steps, meets) {
		return steps
	}
	if err := child.CanMeet(); err != nil {
		fmt.Fprintf(progress, "%s is skipped: %v\n", measure.MeetName, err)
		return slices.DeleteFunc(steps, meets)
	}
	return steps
}

// childTime is how long a child may take, besides what it measures.
const childTime = 2 * time.Minute

func (o options) runChild(ctx context.Context, s *step) (measure.Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, childTime+40*o.time)
	defer cancel()
	t := child.Task{Runner: s.runner.Name, Case: s.c, Time: o.time}
	if o.profiles != "" {
		t.Profile = filepath.Join(o.profiles, s.runner.Name+" "+s.c.String()+".pprof")
	}
	return child.Run(ctx, t)
}
