package report

import (
	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// A Report collects what the passes found. It is not safe for concurrent use.
type Report struct {
	Floor   string   // the runner that the others are compared with
	Runners []string // in the order of tables
	found   map[measure.Case]map[string][]measure.Figures
}

// New makes an empty report.
func New(floor string, runners []string) *Report {
	return &Report{Floor: floor, Runners: runners, found: make(map[measure.Case]map[string][]measure.Figures)}
}

// Add adds what one pass found for a case of a runner.
func (r *Report) Add(c measure.Case, runner string, f measure.Figures) {
	if r.found[c] == nil {
		r.found[c] = make(map[string][]measure.Figures)
	}
	r.found[c][runner] = append(r.found[c][runner], f)
}

// A Value is a median, and the median of the passes' ratios to the floor; the ratio is 0 where there is none.
type Value struct {
	Median, Ratio float64
	Passes        []float64
}

// Value returns what was found for a column of a runner's case, and whether anything was.
func (r *Report) Value(c measure.Case, runner string, column measure.Column) (v Value, found bool) {
	floors := r.values(c, r.Floor, column)
	v.Passes = r.values(c, runner, column)
	_, v.Median, v.Ratio = medians(floors, v.Passes)
	return v, len(v.Passes) > 0
}

// values returns what each pass found.
func (r *Report) values(c measure.Case, runner string, column measure.Column) (values []float64) {
	for _, f := range r.found[c][runner] {
		if v, ok := f[column.Name]; ok {
			values = append(values, v)
		}
	}
	return values
}
