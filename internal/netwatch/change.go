// Package netwatch says when this machine's addresses have changed, and when it has been asleep: the moments at
// which a node announces again, asks every peer for a sign of life, closes what has lost its local address and
// dials without waiting for its backoff (wire.md §7.5, §8.1).
//
// It is pure: a Watcher is given the time and the interfaces at each look, says what of them matters and when to
// look again, and does nothing else. Whoever owns it owns the timer.
package netwatch

import (
	"net/netip"
	"slices"
	"time"
)

// A Change is what a look has brought to light. Its slices are the caller's.
type Change struct {
	// Gone are the addresses that the machine had and has no more, in order, each once; link-local IPv6 ones with
	// their zone. What is bound to one of them is dead.
	Gone []netip.Addr

	// New are the addresses with which the machine now stands on a link where it did not stand with them before: new
	// ones; those that moved to another interface, or to one made again under the same name; those whose prefix
	// length is another; those of an interface whose cable is in again. In order, each once, zones as in Gone.
	New []netip.Addr

	// Slept is how long the machine was asleep before this look, or the process did not run; 0: it was awake. What
	// timers were to find out meanwhile is not known, so every peer is to be asked for a sign of life.
	Slept time.Duration

	// Err is why this look failed, if the one before it did not: worth one line in a log. A look that failed
	// says nothing about addresses.
	Err error

	// Next is when to look again, counted from this look; more than 0. To look before that does no harm.
	Next time.Duration
}

// Matters reports whether there is anything to do but to look again.
func (c Change) Matters() bool { return len(c.Gone) > 0 || len(c.New) > 0 || c.Slept > 0 }

// Took reports whether a session with this local address has lost it. An IPv4 address in its IPv6 form is the
// IPv4 address.
func (c Change) Took(local netip.Addr) bool { return slices.Contains(c.Gone, local.Unmap()) }
