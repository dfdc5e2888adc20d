// Package clock gives the actors their time, so that a test can give them its own.
//
// A Clock is safe for concurrent use. I/O deadlines belong to the connections and do not pass through it.
package clock

import "time"

// A Clock tells the time and runs functions later.
type Clock interface {
	// Now returns the current time; it carries a monotonic reading where the clock has one.
	Now() time.Time

	// AfterFunc runs f in a goroutine of its own after d. stop prevents that and reports whether it did; it does not wait
	// for an f that has begun.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// System is the clock of package time. Inside a testing/synctest bubble it is the bubble's.
var System Clock = system{}

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
