package discovery

import (
	"fmt"
	"time"
)

// A State is what a provider is doing.
type State string

// States of a provider.
const (
	Running  State = "running"  // it does all that it should, as far as it says
	Impaired State = "impaired" // it runs, but cannot do some of that: Status.Problems says what
	Failed   State = "failed"   // it has ended by itself, and is run again later
	Ended    State = "ended"    // the node stops, or has stopped
)

// A Status describes a provider at one moment.
type Status struct {
	Name      string
	State     State
	Since     time.Time // when it began to run, failed or ended
	Err       error     // why it failed, and what can be done about it; also for a minute after it has been run again
	Next      time.Time // when it is run again after a failure, at the latest; else zero
	Sightings uint64    // taken in
	Dropped   uint64    // sightings that were not: too many at once, or too many keys that are not trusted

	// Heard is when it last reported a sighting; zero: never.
	Heard time.Time

	// Problems has what it cannot do while it runs, or could not when it failed.
	Problems []Problem

	// Counts has the provider's own counts since it was made, if it is a Counter; else nil.
	Counts map[string]uint64
}

// A Problem is something that a provider cannot do while it runs.
type Problem struct {
	Interface string    // the network interface; empty if it is about none
	Doing     string    // what it cannot do: "send over IPv4"
	Err       error     // why not
	Since     time.Time // when it began
}

// String returns p in words: "cannot send over IPv4 on eth0: operation not permitted".
func (p Problem) String() string {
	on := ""
	if p.Interface != "" {
		on = " on " + p.Interface
	}
	return fmt.Sprintf("cannot %s%s: %v", p.Doing, on, p.Err)
}
