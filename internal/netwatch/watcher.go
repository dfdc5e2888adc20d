package netwatch

import (
	"maps"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// How a Watcher looks.
const (
	// DefaultEvery is the time between two looks while nothing moves: a change is known after it and Settle at most.
	DefaultEvery = 2 * time.Second

	// Settle is how long a change must have been the same to count. An interface that comes up gets its addresses
	// one by one, and one that is configured anew has none for a moment: that is one change or none, not several.
	Settle = 500 * time.Millisecond

	// Restless is how long one may wait for that. What has not come to rest by then counts as it is at that look,
	// or an interface that comes and goes all the time would hide every other.
	Restless = 5 * time.Second

	// Jump is how much later than it was due, or than the monotonic clock says, a look must come to show that the
	// machine was asleep: more than a busy machine is late by, less than peers need to give a silent node up.
	Jump = 5 * time.Second
)

// A Watcher remembers what the looks before have shown. Its zero value is ready for use. It is not safe for
// concurrent use.
type Watcher struct {
	// Every is the time between two looks while nothing moves. If zero, DefaultEvery.
	Every time.Duration

	last reading       // of the look before
	next time.Duration // what the look before asked for
	age  time.Duration // the time looked over so far, on a clock that never goes back

	blind   bool          // the look before failed
	settled places        // what counts; nil: no look has succeeded yet
	pending places        // what was seen last, if that is something else; nil: it is not
	moved   time.Duration // age when pending was seen first
	left    time.Duration // age when settled was first seen to hold no more
}

// Look takes what a look at time now has found: the machine's interfaces, or an error. The Watcher keeps neither.
//
// The first look that succeeds is what later ones are compared with; it brings no addresses to light. From then on
// a change counts once it has been the same for Settle, at the latest Restless after the first look that showed any;
// one that is taken back before it counts is none.
//
// That the machine slept is seen at once. Where the monotonic clock stands still in sleep (Linux, macOS), the wall
// clock has run on without it; where it does not (Windows), and if now has no monotonic reading, the look comes
// later than it was due. A wall clock that is set forward by more than Jump looks like sleep, which costs a few pings.
func (w *Watcher) Look(now time.Time, snapshot []discovery.Interface, err error) Change {
	return w.look(readingOf(now), snapshot, err)
}

func (w *Watcher) look(now reading, snapshot []discovery.Interface, err error) Change {
	var c Change
	if w.next > 0 {
		wall, mono := now.since(w.last)
		c.Slept = slept(wall, mono, w.next)
		w.age += max(0, mono)
	}
	switch {
	case err != nil && !w.blind:
		c.Err = err
	case err == nil:
		w.compare(&c, placesOf(snapshot))
	}
	w.blind = err != nil
	c.Next = w.Every
	if c.Next <= 0 {
		c.Next = DefaultEvery
	}
	if w.pending != nil {
		c.Next = min(c.Next, Settle)
	}
	w.last, w.next = now, c.Next
	return c
}

// compare takes what was found into account.
func (w *Watcher) compare(c *Change, found places) {
	switch {
	case w.settled == nil:
		w.settled = found
	case maps.Equal(found, w.settled):
		w.pending = nil
	default:
		if w.pending == nil {
			w.left = w.age
		}
		if w.pending == nil || !maps.Equal(found, w.pending) {
			w.pending, w.moved = found, w.age
		}
		if w.age-w.moved >= Settle || w.age-w.left >= Restless {
			c.Gone, c.New = compare(w.settled, found)
			w.settled, w.pending = found, nil
		}
	}
}
