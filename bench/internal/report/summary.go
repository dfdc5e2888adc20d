package report

import "github.com/seed-f6ddb928/peernet-go/bench/internal/measure"

// summary are the columns of the table that has one row for each runner.
var summary = []struct {
	title string
	at    Place
}{
	{"p50 µs, 1 caller", calls(2, 1, measure.P50)},
	{"p99 µs, 1 caller", calls(2, 1, measure.P99)},
	{"allocations", calls(2, 1, measure.AllocsPerCall)},
	{"calls/s, 64 callers", calls(2, 64, measure.CallsPerSec)},
	{"CPU µs/call", calls(2, 64, measure.CPUPerCall)},
	{"64 KiB MB/s", bulk(64<<10, 1)},
	{"1 MB MB/s", bulk(1_000_000, 1)},
	{"one stream MB/s", streams(1, "")},
	{"sessions set up/s", sessions(4, 1000, measure.SessionsPerSec)},
	{"idle KiB, both ends", sessions(4, 1000, measure.IdleKiB)},
	{"small call beside bulk, p99 ms", slowLine(measure.SmallP99)},
}

// summaryRows returns a heading, and a row for each runner that anything of the summary was found for.
func (r *Report) summaryRows() [][]string {
	heading := []string{"runner"}
	for _, s := range summary {
		heading = append(heading, s.title)
	}
	rows := [][]string{heading}
	for _, runner := range r.Runners {
		row, any := []string{runner}, false
		for _, s := range summary {
			v, found := r.Value(s.at, runner)
			any = any || found
			row = append(row, r.cell(runner, s.at.Column, v, found))
		}
		if any {
			rows = append(rows, row)
		}
	}
	return rows
}
