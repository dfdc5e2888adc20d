package measure

import "slices"

// A Measure is a group of cases that flags name together.
type Measure struct {
	Name    string
	Columns []Column
	Cases   []Case
}

// Names of measures.
const (
	CallsName     = "calls"
	BulkName      = "bulk"
	StreamsName   = "streams"
	SessionsName  = "sessions"
	ProcessesName = "processes"
	LineName      = "line"
	SpreadName    = "spread"
	GrowthName    = "growth"
	MeshName      = "mesh"
	MeetName      = "meet"
)

// What growth has many of.
const (
	Peers     = "lines in the peers file"
	Sightings = "entries in the presence table"
	Handlers  = "handlers"
)

const (
	smallCall = 64        // payload of a small call in bytes
	largeCall = 1_000_000 // and of a large one
	sessions  = "sessions"

	streamWrite = 64 << 10 // bytes of one write to a stream
)

var callColumns = []Column{CallsPerSec, CPUPerCall, ProcsBusy, WritesPerCall, SentPerCall, AllocsPerCall, HeapPerCall, P50, P99}

// Measures are all there are, in the order of tables.
var Measures = []Measure{
	{CallsName, callColumns, callCases(CallsName, []int{1, 2}, []int{1, 8, 64, 512}, smallCall)},
	{
		BulkName,
		[]Column{MBPerSec, CPUPerCall, ProcsBusy, WritesPerCall, AllocsPerCall, P50, P99},
		slices.Concat(
			callCases(BulkName, []int{2}, []int{1, 8}, 64<<10),
			callCases(BulkName, []int{2}, []int{1, 8}, largeCall),
		),
	},
	{
		StreamsName,
		[]Column{MBPerSec, CPUPerMB, ProcsBusy, WritesPerMB, AllocsPerMB, HeapPerMB},
		slices.Concat(
			callCases(StreamsName, []int{2}, []int{1, 16}, streamWrite),
			[]Case{{Measure: StreamsName, Procs: 2, Callers: 16, Size: streamWrite, Things: Stopped}},
		),
	},
	{
		SessionsName,
		[]Column{SessionsPerSec, CPUPerSession, IdleKiB, ResidentKiB, Goroutines},
		[]Case{
			{Measure: SessionsName, Procs: 2, Workers: 1, Count: 1000, Things: sessions},
			{Measure: SessionsName, Procs: 2, Workers: 4, Count: 1000, Things: sessions},
			{Measure: SessionsName, Procs: 2, Workers: 4, Count: 5000, Things: sessions},
		},
	},
	{
		ProcessesName,
		[]Column{CallsPerSec, CPUPerCall, ProcsBusy, P50, P99},
		callCases(ProcessesName, []int{2}, []int{1, 64}, smallCall),
	},
	{
		LineName,
		[]Column{SmallP50, SmallP99, BulkMB},
		callCases(LineName, []int{2}, []int{4}, largeCall),
	},
	{
		SpreadName,
		callColumns,
		[]Case{
			{Measure: SpreadName, Procs: 2, Callers: 64, Size: smallCall, Count: 1, Things: sessions},
			{Measure: SpreadName, Procs: 2, Callers: 64, Size: smallCall, Count: 10, Things: sessions},
			{Measure: SpreadName, Procs: 2, Callers: 64, Size: smallCall, Count: 100, Things: sessions},
			{Measure: SpreadName, Procs: 2, Callers: 64, Size: smallCall, Count: 1000, Things: sessions},
		},
	},
	{
		GrowthName,
		[]Column{StartMS, EditMS, LookupUS, FillMS, ListMS, CallsPerSec, CPUPerCall, P50},
		slices.Concat(
			growthCases(Peers, 10, 1_000, 10_000),
			growthCases(Sightings, 10, 1_000, 10_000),
			growthCases(Handlers, 1, 1_000),
		),
	},
	{
		MeshName,
		[]Column{MeetMS, IdleCPUMS},
		[]Case{
			{Measure: MeshName, Procs: 2, Count: 50, Things: "nodes"},
			{Measure: MeshName, Procs: 2, Count: 100, Things: "nodes"},
		},
	},
	{
		MeetName,
		[]Column{MeetMS},
		[]Case{
			{Measure: MeetName, Procs: 2, Things: "manual"},
			{Measure: MeetName, Procs: 2, Things: "udp"},
			{Measure: MeetName, Procs: 2, Things: "mdns"},
		},
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

// growthCases returns a case for each count.
func growthCases(things string, counts ...int) (cases []Case) {
	for _, n := range counts {
		cases = append(cases, Case{Measure: GrowthName, Procs: 2, Callers: 64, Size: smallCall, Count: n, Things: things})
	}
	return cases
}
