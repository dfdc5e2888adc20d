package discovery

import "time"

// A State is what a provider is doing.
type State string

// States of a provider.
const (
	Running State = "running" // it looks and announces, as far as it says
	Failed  State = "failed"  // it has ended by itself, and is run again later
	Ended   State = "ended"   // the node stops, or has stopped
)

// A Status describes a provider at one moment.
type Status struct {
	Name      string
	State     State
	Since     time.Time
	Err       error     // why it failed, and what can be done about it; also for a minute after it has been run again
	Next      time.Time // when it is run again after a failure, at the latest; else zero
	Sightings uint64    // taken in
	Dropped   uint64    // sightings that were not: too many at once, or too many keys that are not trusted

	// Counts has the provider's own counts since it was made, if it is a Counter; else nil.
	Counts map[string]uint64
}
