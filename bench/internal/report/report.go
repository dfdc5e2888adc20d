package report

import "github.com/seed-f6ddb928/peernet-go/bench/internal/measure"

// A Report collects what the passes found. It is not safe for concurrent use.
type Report struct {
	Floor   string   // the title of the runner that the others are compared with
	Node    string   // and of the one that bars are for
	Runners []string // titles, in the order of tables
	found   map[measure.Case]map[string][]measure.Figures
}

// New makes an empty report.
func New(floor, node string, runners []string) *Report {
	return &Report{Floor: floor, Node: node, Runners: runners, found: make(map[measure.Case]map[string][]measure.Figures)}
}

// Add adds what one pass found for a case of a runner; nil if the pass found nothing.
func (r *Report) Add(c measure.Case, runner string, f measure.Figures) {
	if r.found[c] == nil {
		r.found[c] = make(map[string][]measure.Figures)
	}
	r.found[c][runner] = append(r.found[c][runner], f)
}

// A Value is the median of the passes, and the median of their ratios to the floor. Without a floor to compare with, Ratio is 0.
type Value struct {
	Median float64   `json:"median"`
	Ratio  float64   `json:"ratio,omitempty"`
	Passes []float64 `json:"passes"`
}

// A Place is where a value is found: a column of a case.
type Place struct {
	Case   measure.Case
	Column measure.Column
}

// Value returns the value of a runner at a place. It returns false if no pass found one.
func (r *Report) Value(at Place, runner string) (v Value, found bool) {
	return r.over(at, runner, at, r.Floor)
}

// over returns the value of a runner at a place, with its ratios to the value of another runner at the place below.
func (r *Report) over(at Place, runner string, below Place, other string) (v Value, found bool) {
	var under, over []float64
	for pass, f := range r.found[at.Case][runner] {
		value, ok := f[at.Column.Name]
		if !ok {
			continue
		}
		v.Passes = append(v.Passes, value)
		if others := r.found[below.Case][other]; pass < len(others) {
			if o, ok := others[pass][below.Column.Name]; ok {
				under, over = append(under, o), append(over, value)
			}
		}
	}
	v.Median = median(v.Passes)
	_, _, v.Ratio = medians(under, over)
	return v, len(v.Passes) > 0
}
