package measure

import "slices"

// A Measure is a group of cases that flags name together.
type Measure struct {
	Name    string
	Columns []Column
	Cases   []Case
}

// smallCall is the payload of a small call in bytes.
const smallCall = 64

// Measures are all there are, in the order of tables.
var Measures = []Measure{
	{
		Name: "calls",
		Columns: []Column{
			CallsPerSec, CPUPerCall, ProcsBusy, WritesPerCall, SentPerCall, AllocsPerCall, HeapPerCall, P50, P99,
		},
		Cases: slices.Concat(
			callCases("calls", []int{1, 2}, []int{1, 8, 64, 512}, smallCall),
		),
	},
	{
		Name:    "bulk",
		Columns: []Column{MBPerSec, CPUPerCall, ProcsBusy, WritesPerCall, AllocsPerCall, P50, P99},
		Cases: slices.Concat(
			callCases("bulk", []int{2}, []int{1, 8}, 64<<10),
			callCases("bulk", []int{2}, []int{1, 8}, 1_000_000),
		),
	},
	{
		Name:    "sessions",
		Columns: []Column{SessionsPerSec, CPUPerSession, IdleKiB, ResidentKiB, Goroutines},
		Cases: []Case{
			{Measure: "sessions", Procs: 2, Workers: 1, Sessions: 1000},
			{Measure: "sessions", Procs: 2, Workers: 4, Sessions: 1000},
			{Measure: "sessions", Procs: 2, Workers: 4, Sessions: 5000},
		},
	},
	{
		Name:    "processes",
		Columns: []Column{CallsPerSec, CPUPerCall, ProcsBusy, P50, P99},
		Cases:   callCases("processes", []int{2}, []int{1, 64}, smallCall),
	},
}

// callCases returns a case for each number of processors and of callers.
func callCases(measure string, procs, callers []int, size int) (cases []Case) {
	for _, p := range procs {
		for _, c := range callers {
			cases = append(cases, Case{Measure: measure, Procs: p, Callers: c, Size: size})
		}
	}
	return cases
}
