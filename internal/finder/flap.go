package finder

import (
	"time"

	"github.com/seed-f6ddb928/peernet-go/discovery"
)

// What comes and goes again and again is told as if it stayed. Only its end is held back, never its beginning, and
// only from the third time on, so that a restart, a move or a goodbye is told at once:
//
//	(new) --sighting: Found--> present --end: Lost--> remembered --rememberFor--> (forgotten)
//	                           |  ^  ^                    |
//	          end, if it flaps |  |  +--sighting: Found---+   it has returned
//	                           v  |
//	                           held --holdFor: Lost--> remembered
//
// (Found stands for Found or Updated.) An entry flaps if it has returned calmReturns times; that is forgotten when it
// is, and when it ends after it was there for steadyAfter. A sighting of what is held ends that and tells nothing. So
// one place is lost at most four times in any minute, however often it is announced and taken back; and one that flaps
// and is announced again within holdFor of each end, as a rule of announces that are lost on their way, is told no more.
//
// What was reported without a TTL is no announce but what a program says: it is taken at its word.
const (
	calmReturns = 2
	holdFor     = 30 * time.Second
	rememberFor = 30 * time.Second
	steadyAfter = time.Minute
)

// settleFor is how long a presence must not have been heard on its interface until it changes to another one, but for
// its first change: one that is heard on two interfaces alternates between them.
const settleFor = 15 * time.Second

// A phase is what an entry is to the outside: present and held are there, remembered is not.
type phase uint8

const (
	present phase = iota
	held
	remembered
)

// end is the end of a present entry: it is told, or held back.
func (t *table) end(now time.Time, r *record, e *entry, why discovery.Reason) []Change {
	if now.Sub(e.since) >= steadyAfter {
		e.returns = 0
	}
	if e.ttl > 0 && e.returns >= calmReturns {
		e.phase, e.why = held, why
		t.setUntil(e, now.Add(holdFor))
		return nil
	}
	return []Change{t.lose(now, r, e, why)}
}

// hearOn notes on which interface a presence was heard, and says whether that is a change.
func (e *entry) hearOn(now time.Time, on string) bool {
	if on != e.Interface {
		if e.ttl > 0 && e.switched && now.Sub(e.heard) < settleFor {
			return false
		}
		e.Interface, e.heard, e.switched = on, now, true
		return true
	}
	e.heard = now
	return false
}
