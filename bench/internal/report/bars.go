package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// A Bar is what this node should reach.
type Bar struct {
	Title string
	At    Place
	Over  measure.Case // what its ratio is to: this case of the node; the floor's own if zero
	Plain bool         // the value counts, rounded, and not its ratio
	Least float64      // one of the two is 0
	Most  float64
}

// Bars are all of them, in the order of tables.
var Bars = []Bar{
	{Title: "calls per second, 64 callers, GOMAXPROCS 2", At: calls(2, 64, measure.CallsPerSec), Least: 0.65},
	{Title: "the same, two processors over one", At: calls(2, 64, measure.CallsPerSec), Over: calls(1, 64, measure.CallsPerSec).Case, Least: 1.15},
	{Title: "calls per second, 64 callers, GOMAXPROCS 1", At: calls(1, 64, measure.CallsPerSec), Least: 0.46},
	{Title: "calls per second, 64 callers, two processes", At: processes(64, measure.CallsPerSec), Least: 0.65},
	{Title: "CPU per call, 64 callers", At: calls(2, 64, measure.CPUPerCall), Most: 1.6},
	{Title: "round trip p50, 1 caller", At: calls(2, 1, measure.P50), Most: 1.15},
	{Title: "round trip p99, 1 caller", At: calls(2, 1, measure.P99), Most: 1.3},
	{Title: "allocations per call, both ends, 1 caller", At: calls(2, 1, measure.AllocsPerCall), Plain: true, Most: 6},
	{Title: "MB/s, calls of 64 KiB, 1 caller", At: bulk(64<<10, 1), Least: 0.90},
	{Title: "MB/s, calls of 1,000,000 bytes, 1 caller", At: bulk(1_000_000, 1), Least: 1.0},
	{Title: "MB/s, one stream", At: streams(1, ""), Least: 0.80},
	{Title: "MB/s, sixteen streams", At: streams(16, ""), Least: 0.80},
	{Title: "the same beside a stopped reader, over without it", At: streams(16, measure.Stopped), Over: streams(16, "").Case, Least: 0.95},
	{Title: "sessions set up per second", At: sessions(4, 1000, measure.SessionsPerSec), Least: 0.75},
	{Title: "memory per idle session, both ends", At: sessions(4, 1000, measure.IdleKiB), Most: 1.4},
	{Title: "goroutines per idle session, both ends", At: sessions(4, 1000, measure.Goroutines), Plain: true, Most: 4},
}

// HasBar says whether a bar is for a case, or compares with it.
func HasBar(c measure.Case) bool {
	return slices.ContainsFunc(Bars, func(b Bar) bool { return b.At.Case == c || b.Over == c })
}

// The places that bars, charts and the summary are made of.
func calls(procs, callers int, c measure.Column) Place {
	return Place{measure.Case{Measure: measure.CallsName, Procs: procs, Callers: callers, Size: 64}, c}
}

func processes(callers int, c measure.Column) Place {
	return Place{measure.Case{Measure: measure.ProcessesName, Procs: 2, Callers: callers, Size: 64}, c}
}

func bulk(size, callers int) Place {
	return Place{measure.Case{Measure: measure.BulkName, Procs: 2, Callers: callers, Size: size}, measure.MBPerSec}
}

func streams(count int, beside string) Place {
	return Place{measure.Case{Measure: measure.StreamsName, Procs: 2, Callers: count, Size: 64 << 10, Things: beside}, measure.MBPerSec}
}

func sessions(workers, count int, c measure.Column) Place {
	return Place{measure.Case{Measure: measure.SessionsName, Procs: 2, Workers: workers, Count: count, Things: "sessions"}, c}
}

func slowLine(c measure.Column) Place {
	return Place{measure.Case{Measure: measure.LineName, Procs: 2, Callers: 4, Size: 1_000_000}, c}
}

// barRows returns a heading, and a row for each bar that was measured.
func (r *Report) barRows() [][]string {
	rows := [][]string{{"measure", "floor", "this node", "ratio", "bar", "met"}}
	for _, b := range Bars {
		below, other := b.At, r.Floor
		if b.Over != (measure.Case{}) {
			below, other = Place{b.Over, b.At.Column}, r.Node
		}
		v, found := r.over(b.At, r.Node, below, other)
		floor, hasFloor := r.Value(b.At, r.Floor)
		if !found || !hasFloor || (v.Ratio == 0 && !b.Plain) {
			continue
		}
		counts := v.Ratio
		if b.Plain {
			counts = math.Round(v.Median)
		}
		bar, met := fmt.Sprintf("at most %.2f", b.Most), counts <= b.Most
		if b.Least != 0 {
			bar, met = fmt.Sprintf("at least %.2f", b.Least), counts >= b.Least
		}
		if b.Plain {
			bar = fmt.Sprintf("at most %.0f, not a ratio", b.Most)
		}
		digits := b.At.Column.Digits
		rows = append(rows, []string{
			b.Title, number(floor.Median, digits), number(v.Median, digits), fmt.Sprintf("%.2f", v.Ratio), bar, yes(met),
		})
	}
	return rows
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "no"
}
