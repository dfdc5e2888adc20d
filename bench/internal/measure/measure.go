// Package measure says what is measured and measures it: calls, and sessions. It knows neither who is measured nor how the
// figures are shown. CPU, writes and allocations are counted for the whole process, so for both ends where both are in it.
package measure

import (
	"fmt"
	"time"
)

// patience is how long a measurement waits for what should take no time.
const patience = 30 * time.Second

// A Case is one measurement. Its fields that do not concern its Measure are 0.
type Case struct {
	Measure  string // a name of Measures
	Procs    int    // GOMAXPROCS
	Callers  int    // goroutines that call
	Size     int    // bytes of payload in each direction
	Workers  int    // goroutines that open sessions
	Sessions int    // sessions that are open together
}

// String names a case in tables and in progress lines.
func (c Case) String() string {
	s := fmt.Sprintf("%s, GOMAXPROCS %d", c.Measure, c.Procs)
	if c.Callers > 0 {
		s += fmt.Sprintf(", %d × %d B", c.Callers, c.Size)
	}
	if c.Sessions > 0 {
		s += fmt.Sprintf(", %d workers, %d sessions", c.Workers, c.Sessions)
	}
	return s
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

// Columns of sessions.
var (
	SessionsPerSec = Column{"set up/s", 0}
	CPUPerSession  = Column{"cpu µs/session", 0}
	IdleKiB        = Column{"heap+stack KiB/session", 1}
	ResidentKiB    = Column{"resident KiB/session", 1}
	Goroutines     = Column{"goroutines/session", 1}
)
