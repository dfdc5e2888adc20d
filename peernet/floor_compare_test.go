package peernet_test

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"text/tabwriter"
	"time"
)

// A column names one of the values that F consists of.
type column[F any] struct {
	unit string // as testing.B reports it
	of   func(*F) *float64
}

// figureColumns are those of figures, in the order in which they are printed.
var figureColumns = []column[figures]{
	{"calls/s", func(f *figures) *float64 { return &f.callsPerSec }},
	{"cpu-µs/call", func(f *figures) *float64 { return &f.cpuPerCall }},
	{"writes/call", func(f *figures) *float64 { return &f.writesPerCall }},
	{"allocs/call", func(f *figures) *float64 { return &f.allocsPerCall }},
	{"p50-µs", func(f *figures) *float64 { return &f.p50 }},
	{"p99-µs", func(f *figures) *float64 { return &f.p99 }},
	{"MB/s", func(f *figures) *float64 { return &f.mbPerSec }},
}

// costColumns are those of sessionCost, in the order in which they are printed.
var costColumns = []column[sessionCost]{
	{"connects/s", func(c *sessionCost) *float64 { return &c.connectsPerSec }},
	{"KiB/session", func(c *sessionCost) *float64 { return &c.idleKiB }},
	{"goroutines/session", func(c *sessionCost) *float64 { return &c.goroutines }},
}

// A comparison is what the floor and another were found to do in the same run: the medians of their values, and the median of the other's
// value over the floor's in the same round. That is not the ratio of the medians: a machine whose speed wanders slows both of a round.
type comparison[F any] struct {
	title                string
	floorName, otherName string
	floor, other, ratio  F
}

// compare measures the calls of the floor and of another subject by turns, rounds times.
func compare(tb testing.TB, floor, other subject, callers, size, rounds int, d time.Duration) comparison[figures] {
	tb.Helper()
	c := compareBy(figureColumns, rounds,
		func() figures { return measure(tb, floor, callers, size, d) },
		func() figures { return measure(tb, other, callers, size, d) })
	c.title, c.floorName, c.otherName = fmt.Sprintf("%d × %d B", callers, size), floor.name, other.name
	return c
}

// compareSessions measures the sessions of the floor and of another opener by turns, rounds times.
func compareSessions(tb testing.TB, floor, other opener, workers, sessions, rounds int) comparison[sessionCost] {
	tb.Helper()
	c := compareBy(costColumns, rounds,
		func() sessionCost { return measureSessions(tb, floor, workers, sessions) },
		func() sessionCost { return measureSessions(tb, other, workers, sessions) })
	c.title, c.floorName, c.otherName = "sessions", floor.name, other.name
	return c
}

// compareBy runs two measurements by turns, rounds times.
func compareBy[F any](columns []column[F], rounds int, floor, other func() F) (c comparison[F]) {
	floors, others := make([]F, rounds), make([]F, rounds)
	for i := range rounds {
		floors[i], others[i] = floor(), other()
	}
	for _, column := range columns {
		f, o := make([]float64, rounds), make([]float64, rounds)
		for i := range rounds {
			f[i], o[i] = *column.of(&floors[i]), *column.of(&others[i])
		}
		*column.of(&c.floor), *column.of(&c.other), *column.of(&c.ratio) = medians(f, o)
	}
	return c
}

// medians returns the medians of f, of o, and of o[i]/f[i]; the last is 0 if f has only zeros.
func medians(f, o []float64) (floor, other, ratio float64) {
	var ratios []float64
	for i := range f {
		if f[i] != 0 {
			ratios = append(ratios, o[i]/f[i])
		}
	}
	return median(f), median(o), median(ratios)
}

// median returns the middle value, or the mean of the two in the middle, or 0 of nothing. It leaves values as they are.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// printComparisons writes a table, with three lines for each comparison: the floor, the other, the ratio. A value of 0 is a dash.
func printComparisons[F any](w io.Writer, columns []column[F], comparisons ...comparison[F]) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t\t")
	for _, column := range columns {
		fmt.Fprintf(t, "%s\t", column.unit)
	}
	fmt.Fprintln(t)
	line := func(title, name, format string, values F) {
		fmt.Fprintf(t, "%s\t%s\t", title, name)
		for _, column := range columns {
			if v := *column.of(&values); v != 0 {
				fmt.Fprintf(t, format+"\t", v)
			} else {
				fmt.Fprint(t, "-\t")
			}
		}
		fmt.Fprintln(t)
	}
	for _, c := range comparisons {
		line(c.title, c.floorName, "%.2f", c.floor)
		line("", c.otherName, "%.2f", c.other)
		line("", "ratio", "%.3f", c.ratio)
	}
	return t.Flush()
}
