// Package netwatch says when this machine's addresses have changed, and when the machine has been asleep. At these
// moments a node announces again, pings every peer, closes the sessions that have lost their local address and dials
// without waiting for its backoff (wire.md §7.5, §8.1).
//
// It is pure. A Watcher is given the time and the interfaces at each look. It returns what changed and when to look
// again, and does nothing else. The owner of a Watcher owns the timer.
package netwatch

import (
	"net/netip"
	"slices"
	"time"
)

// A Change is the result of a look. Its slices are the caller's.
type Change struct {
	// Gone are the addresses that the machine has lost, in order, each once; link-local IPv6 ones with their zone. What is
	// bound to one of them is dead.
	Gone []netip.Addr

	// New are the addresses that are new on one of the machine's networks: new ones; those that moved to another
	// interface, or to one made again under the same name; those with another prefix length; those of an interface whose
	// cable is in again. They are in order, each once, with zones as in Gone.
	New []netip.Addr

	// Slept is how long the machine was asleep before this look, or the process did not run; 0 if it was awake. Timers
	// have missed that time, so every peer is to be pinged.
	Slept time.Duration

	// Err is why this look failed, if the look before it succeeded: worth one line in a log. A look that failed says
	// nothing about addresses.
	Err error

	// Next is when to look again, counted from this look; more than 0. An earlier look does no harm.
	Next time.Duration
}

// Matters reports whether there is more to do than to look again.
func (c Change) Matters() bool { return len(c.Gone) > 0 || len(c.New) > 0 || c.Slept > 0 }

// IsGone reports whether local, the local address of a session, is gone. An IPv4 address in its IPv6 form is the IPv4
// address.
func (c Change) IsGone(local netip.Addr) bool { return slices.Contains(c.Gone, local.Unmap()) }
