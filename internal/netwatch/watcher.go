package netwatch

import (
	"maps"
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// How a Watcher looks.
const (
	// Interval is the time between two looks while nothing changes. A change is known after at most Interval and
	// StableFor.
	Interval = 2 * time.Second

	// StableFor is how long the addresses must stay the same for a change to count. An interface that comes up gets its
	// addresses one by one, and one that is configured anew has none for a moment: that is one change or none, not
	// several.
	StableFor = 500 * time.Millisecond

	// MaxUnstable is how long addresses that keep changing are waited for. Then the addresses at that look count, or an
	// interface that comes and goes all the time would hide every other change.
	MaxUnstable = 5 * time.Second

	// MinSleep is how much later than due, or than the monotonic clock says, a look must come to show that the machine was
	// asleep: more than the delays of a busy machine, less than the time after which peers give a silent node up.
	MinSleep = 5 * time.Second
)

// A Watcher remembers the looks before. Its zero value is ready for use. It is not safe for concurrent use.
type Watcher struct {
	last time.Time     // of the look before
	next time.Duration // what the look before asked for
	age  time.Duration // the time looked over so far, on a clock that never goes back

	failed        bool          // the look before failed
	current       addresses     // those that count; nil before the first look that succeeds
	pending       addresses     // those seen last, if they differ from current; otherwise nil
	pendingSince  time.Duration // age when pending was first seen
	unstableSince time.Duration // age when other addresses than current were first seen
}

// Look takes the result of a look at time now: the machine's interfaces, or an error. The Watcher keeps neither.
//
// The first look that succeeds is what later ones are compared with; it returns no addresses. From then on a change
// counts once it has stayed the same for StableFor, and at the latest MaxUnstable after the first look that showed any.
// A change that is undone before then does not count.
//
// Sleep is seen at once. Where the monotonic clock stands still in sleep (Linux, macOS), the wall clock has run on
// without it. Where it does not (Windows), and if now has no monotonic reading, the look comes later than it was due. A
// wall clock that is set forward by more than MinSleep looks like sleep, which costs a few pings.
func (w *Watcher) Look(now time.Time, snapshot []discovery.Interface, err error) Change {
	wall, mono := elapsed(w.last, now)
	w.last = now
	return w.look(wall, mono, snapshot, err)
}

// look is Look so long after the look before, on either clock; the first one takes no notice of that.
func (w *Watcher) look(wall, mono time.Duration, snapshot []discovery.Interface, err error) Change {
	c := Change{Next: Interval}
	if w.next > 0 {
		c.Slept = slept(wall, mono, w.next)
		w.age += max(0, mono)
	}
	switch {
	case err != nil && !w.failed:
		c.Err = err
	case err == nil:
		w.update(&c, addressesOf(snapshot))
	}
	w.failed = err != nil
	if w.pending != nil {
		c.Next = StableFor
	}
	w.next = c.Next
	return c
}

// update compares the addresses that a look has found with those before, and records a change that counts in c.
func (w *Watcher) update(c *Change, found addresses) {
	switch {
	case w.current == nil:
		w.current = found
	case maps.Equal(found, w.current):
		w.pending = nil
	default:
		if w.pending == nil {
			w.unstableSince = w.age
		}
		if w.pending == nil || !maps.Equal(found, w.pending) {
			w.pending, w.pendingSince = found, w.age
		}
		if w.age-w.pendingSince >= StableFor || w.age-w.unstableSince >= MaxUnstable {
			c.Gone, c.New = compare(w.current, found)
			w.current, w.pending = found, nil
		}
	}
}
