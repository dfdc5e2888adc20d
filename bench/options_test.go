package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
	"github.com/seed-f6ddb928/peernet-go/bench/internal/runner"
)

func TestOptionsChoose(t *testing.T) {
	o, err := parseOptions([]string{"-runners", "peernet,floor", "-measures", "calls", "-only", "callers 64", "-passes", "5"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range o.steps() {
		got = append(got, s.String())
	}
	want := []string{
		"encrypted floor: calls: GOMAXPROCS 1, callers 64, bytes 64",
		"this node: calls: GOMAXPROCS 1, callers 64, bytes 64",
		"encrypted floor: calls: GOMAXPROCS 2, callers 64, bytes 64",
		"this node: calls: GOMAXPROCS 2, callers 64, bytes 64",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || o.passes != 5 {
		t.Errorf("got %d passes of\n%s\nwant 5 of\n%s", o.passes, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLaterPassesMeasureWhatBarsNeed: after the first passes, only the floor and this node are measured, where a bar needs it.
func TestLaterPassesMeasureWhatBarsNeed(t *testing.T) {
	o, err := parseOptions([]string{"-measures", "calls", "-runners", "floor,peernet,grpc", "-only", "GOMAXPROCS 2", "-passes", "5"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range o.steps() {
		if !s.isDue(fewPasses - 1) {
			t.Errorf("%s is not measured in the first %d passes", s, fewPasses)
		}
		if s.isDue(fewPasses) {
			got = append(got, s.String())
		}
	}
	want := []string{
		"encrypted floor: calls: GOMAXPROCS 2, callers 1, bytes 64",
		"this node: calls: GOMAXPROCS 2, callers 1, bytes 64",
		"encrypted floor: calls: GOMAXPROCS 2, callers 64, bytes 64",
		"this node: calls: GOMAXPROCS 2, callers 64, bytes 64",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("later passes have\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n, want := o.countDue(o.steps()), 3*12+2*4; n != want {
		t.Errorf("%d measurements in all, want %d", n, want)
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"runner":   {[]string{"-runners", "floor,smoke"}, `there is no runner "smoke"`},
		"measure":  {[]string{"-measures", "speed"}, `there is no measure "speed"`},
		"case":     {[]string{"-only", "callers 65"}, `"callers 65"`},
		"passes":   {[]string{"-passes", "0"}, "must be positive"},
		"argument": {[]string{"calls"}, `unexpected argument "calls"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(context.Background(), c.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A smoke run leaves no runner and no measure out, and every case is small.
func TestASmokeRunHasEverything(t *testing.T) {
	o, err := parseOptions([]string{"-smoke"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	runners, measures := make(map[string]bool), make(map[string]bool)
	for _, s := range o.steps() {
		runners[s.runner.Name], measures[s.c.Measure] = true, true
		if s.c.Callers > 8 || s.c.Count > 8 {
			t.Errorf("%s is large", s)
		}
	}
	if len(runners) != len(runner.All) || len(measures) != len(measure.Measures) || o.passes != 1 {
		t.Errorf("%d passes of %d runners and %d measures", o.passes, len(runners), len(measures))
	}
}
