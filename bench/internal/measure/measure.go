// Package measure says what is measured and measures it: calls, and sessions. It knows neither who is measured nor how the
// figures are shown. CPU, writes and allocations are counted for the whole process, so for both ends where both are in it.
package measure

import (
	"fmt"
	"slices"
	"time"
)

// patience is how long a measurement waits for what should take no time.
const patience = 30 * time.Second

// A Case is one measurement. Its fields that do not concern its Measure are zero.
type Case struct {
	Measure string // a name of Measures
	Procs   int    // GOMAXPROCS
	Callers int    // goroutines that call; of streams, how many there are
	Size    int    // bytes of payload in each direction; of streams, of one write
	Workers int    // goroutines that open sessions
	Count   int    // of what Things says
	Things  string // what there is Count of, or the name of what is measured
}

// String names a case in tables and in progress lines.
func (c Case) String() string {
	s := fmt.Sprintf("%s: GOMAXPROCS %d", c.Measure, c.Procs)
	if c.Callers > 0 {
		s += fmt.Sprintf(", callers %d, bytes %d", c.Callers, c.Size)
	}
	if c.Workers > 0 {
		s += fmt.Sprintf(", workers %d", c.Workers)
	}
	if c.Things != "" {
		s += ", " + c.Things
	}
	if c.Count > 0 {
		s += fmt.Sprintf(" %d", c.Count)
	}
	return s
}

// Small returns c with few callers, sessions and things: what it measures says nothing, but all of it runs.
func (c Case) Small() Case {
	c.Callers, c.Workers, c.Count = min(c.Callers, 4), min(c.Workers, 2), min(c.Count, 4)
	return c
}

// Figures are the values that a case was found to have, by the name of a Column.
type Figures map[string]float64

// A Column is one of the values of a measure, with its unit in its name.
type Column struct {
	Name   string
	Digits int // after the point
}

// Columns of calls.
var (
	CallsPerSec   = Column{"calls/s", 0}
	CPUPerCall    = Column{"cpu µs/call", 2}
	ProcsBusy     = Column{"processors busy", 2}
	WritesPerCall = Column{"writes/call", 3}
	SentPerCall   = Column{"bytes written/call", 0}
	AllocsPerCall = Column{"allocs/call", 1}
	HeapPerCall   = Column{"bytes allocated/call", 0}
	P50           = Column{"p50 µs", 1}
	P99           = Column{"p99 µs", 1}
	MBPerSec      = Column{"MB/s", 1}
)

// Columns of streams.
var (
	CPUPerMB    = Column{"cpu µs/MB", 0}
	WritesPerMB = Column{"writes/MB", 1}
	AllocsPerMB = Column{"allocs/MB", 1}
	HeapPerMB   = Column{"bytes allocated/MB", 0}
)

// Columns of sessions.
var (
	SessionsPerSec = Column{"set up/s", 0}
	CPUPerSession  = Column{"cpu µs/session", 0}
	IdleKiB        = Column{"heap+stack KiB/session", 1}
	ResidentKiB    = Column{"resident KiB/session", 1}
	Goroutines     = Column{"goroutines/session", 1}
)

// Columns of a line, which a small call shares with bulk.
var (
	SmallP50 = Column{"small p50 ms", 1}
	SmallP99 = Column{"small p99 ms", 1}
	BulkMB   = Column{"bulk MB/s", 2}
)

// Columns of what grows.
var (
	StartMS   = Column{"start ms", 1}
	EditMS    = Column{"edit ms", 2}
	LookupUS  = Column{"lookup µs", 2}
	FillMS    = Column{"fill ms", 1}
	ListMS    = Column{"list ms", 2}
	MeetMS    = Column{"start to connected ms", 0}
	IdleCPUMS = Column{"idle cpu ms/node in 20 s", 1}
)

// MedianOf returns the middle value, the lower one of two in the middle. It sorts values, of which there must be one.
func MedianOf(values []time.Duration) time.Duration {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
