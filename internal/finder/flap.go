package finder

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// A presence that comes and goes again and again is shown as if it stayed. Only its end is held back, never its beginning,
// and only from the third time on, so that a restart, a move or a goodbye is told at once:
//
//	(new) ----report: Found--> present --end: Lost--> remembered --rememberFor--> (forgotten)
//	                           |  ^  ^                    |
//	          end, if it flaps |  |  +----report: Found---+   it has returned
//	                           v  |
//	                         doubted --doubtFor: Lost--> remembered
//
// (Found stands for Found or Updated.) A sighting flaps if it has returned calmReturns times. Its returns are forgotten when
// the sighting is, and when it ends after it was present for calmAfter. A report makes a doubted sighting present again and
// tells nothing. So one address is lost at most four times in any minute, however often it is announced and taken back. An
// address that flaps and is announced again within doubtFor of each end, because announces get lost on their way, causes
// no more changes.
//
// A sighting without a TTL is what a program says, not an announce: its end is told at once.
const (
	calmReturns = 2
	doubtFor    = 30 * time.Second
	rememberFor = 30 * time.Second
	calmAfter   = time.Minute
)

// A phase is what a sighting is to the outside: present and doubted sightings are presences, remembered ones are not.
type phase uint8

const (
	present phase = iota
	doubted
	remembered
)

// end ends a present sighting, or holds its end back.
func (t *table) end(now time.Time, r *keyState, e *sighting, why discovery.Reason) []Change {
	if now.Sub(e.since) >= calmAfter {
		e.returns = 0
	}
	if e.ttl > 0 && e.returns >= calmReturns {
		e.phase, e.why = doubted, why
		t.setUntil(e, now.Add(doubtFor))
		return nil
	}
	return []Change{t.lose(now, r, e, why)}
}

// hearOn notes on which interface a presence was heard, and says whether that is a change. The first change is free. After
// that a presence must not have been heard on its interface for its TTL before it changes to another one: a presence that is
// heard on two interfaces would alternate between them.
func (e *sighting) hearOn(now time.Time, on string) bool {
	changes := on != e.Interface && now.Sub(e.heard) >= e.ttl
	if changes || on == e.Interface && !e.heard.IsZero() {
		e.Interface, e.heard = on, now
	}
	return changes
}
